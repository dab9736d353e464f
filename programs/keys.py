"""Keys and signatures between their 32 or 64 raw bytes and base58, by solders (Rust)."""

from __future__ import annotations

from functools import lru_cache

from solders.pubkey import Pubkey
from solders.signature import Signature


@lru_cache(maxsize=65_536)
def b58(key: bytes) -> str:
    """Base58 of a 32-byte key."""
    return str(Pubkey.from_bytes(key))


@lru_cache(maxsize=65_536)
def key_of(text: str) -> bytes:
    """The 32 bytes of a base58 key. Raises ValueError if `text` is not one."""
    return bytes(Pubkey.from_string(text))


def signature_b58(signature: bytes) -> str:
    """Base58 of a 64-byte transaction signature."""
    return str(Signature.from_bytes(signature))


def signature_of(text: str) -> bytes:
    """The 64 bytes of a base58 signature. Raises ValueError if `text` is not one."""
    return bytes(Signature.from_string(text))
