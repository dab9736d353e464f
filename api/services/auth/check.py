"""The checks of a signed message, pure and in order; the first that fails refuses.

Wallets' own libraries don't do all of them: `verifySignIn` of @solana/wallet-standard-util 1.1.2
takes a message that names one wallet and was signed by another's key, years after it expired.
"""

from __future__ import annotations

import msgspec
from solders.pubkey import Pubkey
from solders.signature import Signature

from api.services.auth.envelope import MalformedEnvelope, is_envelope, unwrap
from api.services.auth.errors import SignInRefused
from api.services.auth.siws import MalformedMessage, SignInMessage, instant, parse, render
from programs.keys import key_of

CLOCK_SKEW_S = 60
"""How far the clocks of two instances may differ: a message may be this much from the future."""
SIGNATURE_BYTES = 64

_NEW = "Ask for a new one: POST /api/v1/auth/nonce"


class SignedMessage(msgspec.Struct, frozen=True):
    """What a wallet returned: `data` is what it signed, `text` the message in it."""

    data: bytes
    text: bytes
    message: SignInMessage
    address: str
    nonce: str


def opened(data: bytes, *, accepts_envelope: bool) -> SignedMessage:
    """Read the signed bytes. Raises SignInRefused (message_malformed)."""
    text = data
    signers: tuple[bytes, ...] | None = None
    try:
        if is_envelope(data):
            if not accepts_envelope:
                raise MalformedEnvelope("off-chain messages are not accepted by this server")
            envelope = unwrap(data)
            text, signers = envelope.text, envelope.signers
        message = parse(text)
    except (MalformedMessage, MalformedEnvelope) as error:
        raise _malformed(str(error)) from None
    if message.address is None or message.nonce is None:
        raise _malformed("it has no nonce")
    if signers is not None and signers != (key_of(message.address),):
        raise _malformed("the envelope's signer is not the wallet that the message names")
    return SignedMessage(data, text, message, message.address, message.nonce)


def check(signed: SignedMessage, stored: SignInMessage, signature: bytes, now: float) -> bytes:
    """The wallet that has signed what was `stored`; `now` is unix seconds. Raises SignInRefused.

    A field that is missing differs as much as one that is other; `stored` may leave the address
    open, and nothing else.
    """
    _check_same(signed, stored)
    wallet = _check_signature(signed, signature)
    _check_times(stored, now)
    return wallet


def _check_same(signed: SignedMessage, stored: SignInMessage) -> None:
    expected = msgspec.structs.replace(stored, address=stored.address or signed.address)
    for field in msgspec.structs.fields(SignInMessage):
        if getattr(signed.message, field.name) != getattr(expected, field.name):
            raise SignInRefused(
                "message_mismatch",
                f"{field.encode_name!r} is not what the nonce was issued with",
                hint="Sign the input as it came, every field of it",
            )
    # The grammar makes this follow from the above; it is what counts, so it's checked by itself.
    if signed.text != render(expected).encode():
        raise SignInRefused("message_mismatch", "not the text the nonce was issued with", hint=_NEW)


def _check_signature(signed: SignedMessage, signature: bytes) -> bytes:
    """By the key that the message names, over exactly what was signed, strictly: solders refuses
    the keys of small order for which anybody can make a signature."""
    wallet = key_of(signed.address)
    if len(signature) != SIGNATURE_BYTES or not Signature(signature).verify(
        Pubkey(wallet), signed.data
    ):
        raise SignInRefused(
            "signature_invalid",
            "the message was not signed by the wallet it names",
            hint="Sign with the account whose address is in the message",
        )
    return wallet


def _check_times(stored: SignInMessage, now: float) -> None:
    if stored.issued_at is None or stored.expiration_time is None:
        raise SignInRefused("message_expired", "a message without times is never valid", hint=_NEW)
    starts = instant(stored.issued_at) - CLOCK_SKEW_S
    if stored.not_before is not None:
        starts = max(starts, instant(stored.not_before))
    if not starts <= now < instant(stored.expiration_time):
        raise SignInRefused("message_expired", "not within the time it is valid for", hint=_NEW)


def _malformed(why: str) -> SignInRefused:
    return SignInRefused(
        "message_malformed",
        f"not a sign-in message: {why}",
        hint="Sign the input as POST /api/v1/auth/nonce gave it",
    )
