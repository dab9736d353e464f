"""What a page must know before it offers a wallet."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import ServicesOf
from api.problems import responses
from db.chain import genesis_hash

router = APIRouter(prefix="/api/v1", tags=["operations"])


class SiteConfig(BaseModel):
    """The chain that everything here is about."""

    cluster: Literal["localnet", "live"] = Field(
        description="localnet: a chain on the server's machine; nothing on it is worth anything."
    )
    chain: str = Field(description="The Wallet Standard's name of it.", examples=["solana:mainnet"])
    genesis_hash: str | None = Field(
        description="Which chain it really is. Null: nothing has been indexed yet.",
        examples=["5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"],
    )


@router.get("/config", summary="Which chain is this?", responses=responses(503))
async def config(services: ServicesOf) -> SiteConfig:
    """Wallets are chosen by it: a page offers its burner wallet on a localnet only."""
    settings = services.settings
    return SiteConfig(
        cluster="localnet" if settings.is_localnet else "live",
        chain=settings.auth_chain_id,
        genesis_hash=await genesis_hash(services.pool),
    )
