"""How a node prints bytes and amounts."""

from __future__ import annotations

import base64

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {letter: value for value, letter in enumerate(_ALPHABET)}
_STEP = 10
"""Digits taken at a time: long numbers are slow to divide."""


def base58(raw: bytes) -> str:
    """Base58 of any number of bytes (keys and signatures have a faster way in programs.keys)."""
    number, letters = int.from_bytes(raw, "big"), list[str]()
    while number:
        number, rest = divmod(number, 58**_STEP)
        for _ in range(_STEP):
            rest, digit = divmod(rest, 58)
            letters.append(_ALPHABET[digit])
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return "1" * zeros + "".join(letters).rstrip("1")[::-1]


def from_base58(text: str) -> bytes:
    """The bytes of base58 `text`. Raises ValueError if it holds another letter."""
    number = 0
    for letter in text:
        digit = _DIGITS.get(letter)
        if digit is None:
            raise ValueError(f"{letter!r} is not a base58 digit")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base64_text(raw: bytes) -> str:
    """Base64 as text."""
    return base64.b64encode(raw).decode()


def ui_amount(amount: int, decimals: int) -> dict[str, object]:
    """A token amount as nodes print it: `uiAmountString` is exact, without trailing zeros."""
    text = str(amount)
    if decimals:
        whole, part = divmod(amount, 10**decimals)
        text = f"{whole}.{part:0{decimals}}".rstrip("0").rstrip(".")
    return {
        "amount": str(amount),
        "decimals": decimals,
        "uiAmount": amount / 10**decimals,
        "uiAmountString": text,
    }
