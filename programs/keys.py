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


_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {digit: value for value, digit in enumerate(_ALPHABET)}
_CHUNK = 10  # 58 ** 10 is the greatest power below 2 ** 64
_MAX_BASE58_CHARS = 16_384  # no instruction's data is longer: 10 KiB are 14,000 digits


def bytes_of_base58(text: str) -> bytes | None:
    """The bytes of base58 text of any length, as instruction data comes; None if it is none."""
    if len(text) > _MAX_BASE58_CHARS:
        return None
    number = 0
    for start in range(0, len(text), _CHUNK):
        chunk = text[start : start + _CHUNK]
        value = 0
        for digit in chunk:
            index = _DIGITS.get(digit)
            if index is None:
                return None
            value = value * 58 + index
        number = number * 58 ** len(chunk) + value
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
