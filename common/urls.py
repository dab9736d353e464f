"""URLs of nodes: lists of them, and the PubSub one that belongs to a JSON-RPC one."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr


def urls_in(text: SecretStr | None) -> list[str]:
    """The URLs of a comma-separated list."""
    value = "" if text is None else text.get_secret_value()
    return [url.strip() for url in value.split(",") if url.strip()]


def ws_url_of(rpc_url: str) -> str:
    """PubSub URL that belongs to an RPC URL: ws(s), a named port plus one (Solana's convention)."""
    parts = urlsplit(rpc_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    netloc = parts.netloc
    if parts.port is not None:
        netloc = f"{netloc.rsplit(':', 1)[0]}:{parts.port + 1}"
    return urlunsplit((scheme, netloc, parts.path, parts.query, ""))
