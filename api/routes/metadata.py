"""What tokens say of themselves off-chain, and their pictures, re-encoded by us."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import MintOf, ServicesOf
from api.problems import ProblemError, responses
from db import metadata
from programs.keys import b58

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])

_FRESH_S = 300
_HEADERS = {
    "Cache-Control": f"public, max-age={_FRESH_S}",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}
_IMAGE = {"image/webp": {"schema": {"type": "string", "format": "binary"}}}


class TokenMetadata(BaseModel):
    """Words of the token's creator: nobody has checked them. Links are http(s) addresses."""

    model_config = ConfigDict(frozen=True)

    mint: str = Field(examples=["6QkFmUbyRSVCBPnJrNnGp9AaWLxhyLFXBgzzCQBBBrqL"])
    uri: str = Field(examples=["https://ipfs.io/ipfs/bafkrei…"])
    state: str = Field(
        description="due: not fetched yet, or tried again later; done; given_up.", examples=["done"]
    )
    error: str | None = Field(description="What went wrong, if anything did.")
    description: str | None
    website: str | None
    twitter: str | None
    telegram: str | None
    has_image: bool
    fetched_at: int | None = Field(description="Unix seconds.", examples=[1795347000])


@router.get(
    "/{mint}/metadata",
    summary="A token's words about itself",
    responses=responses(400, 404, 422, 503),
)
async def token_metadata(services: ServicesOf, mint: MintOf) -> TokenMetadata:
    """From the JSON that its `uri` names, as far as it was fetched and is sound."""
    found = (await metadata.metadata_of(services.pool, [mint])).get(mint)
    if found is None:
        raise _nothing(mint)
    return TokenMetadata(
        mint=b58(mint),
        uri=found.uri,
        state=found.state,
        error=found.error,
        description=found.description,
        website=found.website,
        twitter=found.twitter,
        telegram=found.telegram,
        has_image=found.has_image,
        fetched_at=found.fetched_at,
    )


@router.get(
    "/{mint}/image",
    summary="A token's picture, 128 pixels",
    response_class=Response,
    responses={
        200: {"content": _IMAGE, "description": "WebP, at most 128 pixels a side"},
        304: {"description": "You have it already"},
        **responses(400, 404, 422, 503),
    },
)
async def token_image(
    services: ServicesOf,
    mint: MintOf,
    if_none_match: Annotated[str | None, Header(description="ETag of what you have.")] = None,
) -> Response:
    """A thumbnail made here: its creator's bytes are never passed on. 404 while there is none."""
    if if_none_match is not None:
        digest = await metadata.thumbnail_hash(services.pool, mint)
        if digest is not None and _tag(digest) in if_none_match:
            return Response(status_code=304, headers=_HEADERS | {"ETag": _tag(digest)})
    found = await metadata.thumbnail(services.pool, mint)
    if found is None:
        raise _nothing(mint)
    image, digest = found
    return Response(image, headers=_HEADERS | {"ETag": _tag(digest)}, media_type="image/webp")


def _tag(digest: bytes) -> str:
    return f'"{digest[:16].hex()}"'


def _nothing(mint: bytes) -> ProblemError:
    return ProblemError(
        404, f"nothing of that kind is known of {b58(mint)}",
        hint="It may not have been fetched yet, or names none",
        headers={"Cache-Control": "public, max-age=5"},
    )  # fmt: skip
