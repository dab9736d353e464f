"""The WebSocket's document, beside /openapi.json."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.asyncapi import document_at

router = APIRouter()


@router.get("/asyncapi.json", include_in_schema=False)
async def asyncapi(request: Request) -> Response:
    """AsyncAPI 3: every message of hub.v1, for tools."""
    found = document_at(request.url.netloc, is_secure=request.url.scheme == "https")
    return Response(found, media_type="application/json")
