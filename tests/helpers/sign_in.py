"""A wallet that signs in: what the browser's wallet does, without the browser."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from solders.keypair import Keypair

from api.services.auth.siws import SignInMessage, render

NOW = 1_795_342_200.0
"""2026-11-22T10:10:00Z."""


def stored(**changes: Any) -> SignInMessage:
    """An input as the server issues it at NOW, with changes."""
    fields: dict[str, Any] = {
        "domain": "curvefeed.example",
        "statement": "Sign in to curvefeed. This sends no transaction and costs nothing.",
        "uri": "https://curvefeed.example",
        "version": "1",
        "chain_id": "solana:mainnet",
        "nonce": "k3x9AbC7k3x9AbC7k3x9AbC7",
        "issued_at": "2026-11-22T10:10:00.000Z",
        "expiration_time": "2026-11-22T10:15:00.000Z",
        "request_id": "4f1a2b3c4d5e6f70",
    }
    return SignInMessage(**fields | changes)


def text_of(message: SignInMessage, key: Keypair) -> bytes:
    """What a wallet with this key makes of an input."""
    return render(msgspec.structs.replace(message, address=str(key.pubkey()))).encode()


def signature_of(key: Keypair, data: bytes) -> bytes:
    """64 bytes."""
    return bytes(key.sign_message(data))


def base64_of(data: bytes) -> str:
    """As it goes over HTTP."""
    return base64.b64encode(data).decode()
