"""Off-chain messages of Solana: the envelope in which hardware wallets sign a text.

Three forms are in use, all beginning with the same 16 bytes and a version:
version 0 of docs.anza.xyz/proposals/off-chain-message-signing (application domain, format, signers,
length), the older form of the `solana-offchain-message` crate (format, length) under the same
number, and version 1 of @solana/offchain-messages (signers), which Sign-In With Solana 1.1 uses.
"""

from __future__ import annotations

import msgspec

SIGNING_DOMAIN = b"\xffsolana offchain"
_VERSION_AT = len(SIGNING_DOMAIN)
_BODY_AT = _VERSION_AT + 1
_KEY_BYTES = 32
_ASCII_OR_UTF8 = (0, 1)
"""Formats a hardware wallet can show; 2 is extended UTF-8, which sign-in never needs."""


class MalformedEnvelope(ValueError):
    """The bytes begin like an off-chain message, and go on as none."""


class Envelope(msgspec.Struct, frozen=True):
    """The text inside, and the keys that are asked to sign; None where the form names none."""

    text: bytes
    signers: tuple[bytes, ...] | None


def is_envelope(data: bytes) -> bool:
    """Does it begin like one? No text does: 0xff is neither ASCII nor UTF-8."""
    return data.startswith(SIGNING_DOMAIN)


def unwrap(data: bytes) -> Envelope:
    """What is inside. Raises MalformedEnvelope unless every byte is accounted for."""
    if not is_envelope(data) or len(data) <= _BODY_AT:
        raise MalformedEnvelope("not an off-chain message")
    body = data[_BODY_AT:]
    match data[_VERSION_AT]:
        case 0:
            found = [form for form in (_version_0(body), _without_domain(body)) if form is not None]
        case 1:
            form = _version_1(body)
            found = [] if form is None else [form]
        case _:
            found = []
    if len(found) != 1:
        raise MalformedEnvelope("its header and length do not fit")
    return found[0]


def _version_0(body: bytes) -> Envelope | None:
    """Application domain (32), format, count, signers, length (2, little-endian), text."""
    format_at = _KEY_BYTES
    if len(body) < format_at + 2 or body[format_at] not in _ASCII_OR_UTF8:
        return None
    signers, text_at = _signers(body, format_at + 1)
    if signers is None:
        return None
    text = _counted(body[text_at:])
    return None if text is None else Envelope(text, signers)


def _without_domain(body: bytes) -> Envelope | None:
    """Format, length (2, little-endian), text."""
    if body[0] not in _ASCII_OR_UTF8:
        return None
    text = _counted(body[1:])
    return None if text is None else Envelope(text, None)


def _version_1(body: bytes) -> Envelope | None:
    """Count, signers in ascending order, and text to the end."""
    signers, text_at = _signers(body, 0)
    text = body[text_at:]
    if signers is None or not text or list(signers) != sorted(set(signers)):
        return None
    return Envelope(text, signers)


def _signers(body: bytes, at: int) -> tuple[tuple[bytes, ...] | None, int]:
    """The keys after a count of one byte, and where they end."""
    end = at + 1 + body[at] * _KEY_BYTES
    if body[at] == 0 or end > len(body):
        return None, at
    return tuple(body[i : i + _KEY_BYTES] for i in range(at + 1, end, _KEY_BYTES)), end


def _counted(rest: bytes) -> bytes | None:
    """The text after its length, if that is all of it."""
    length, text = int.from_bytes(rest[:2], "little"), rest[2:]
    return text if len(rest) > 2 and length == len(text) else None
