"""Off-chain messages: all three forms, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.keypair import Keypair

from api.services.auth.check import check, opened
from api.services.auth.envelope import (
    SIGNING_DOMAIN,
    Envelope,
    MalformedEnvelope,
    is_envelope,
    unwrap,
)
from api.services.auth.errors import SignInRefused
from tests.helpers.sign_in import NOW, signature_of, stored, text_of

KEY = Keypair.from_seed(bytes(range(32)))
OTHER = Keypair.from_seed(bytes(range(1, 33)))
SIGNER = bytes(KEY.pubkey())
TEXT = text_of(stored(), KEY)


def version_0(text: bytes, *signers: bytes, kind: int = 0, domain: bytes = bytes(32)) -> bytes:
    """docs.anza.xyz/proposals/off-chain-message-signing."""
    header = SIGNING_DOMAIN + bytes([0]) + domain + bytes([kind, len(signers)])
    return header + b"".join(signers) + len(text).to_bytes(2, "little") + text


def without_domain(text: bytes, kind: int = 0) -> bytes:
    """The crate solana-offchain-message."""
    return SIGNING_DOMAIN + bytes([0, kind]) + len(text).to_bytes(2, "little") + text


def version_1(text: bytes, *signers: bytes) -> bytes:
    """@solana/offchain-messages."""
    return SIGNING_DOMAIN + bytes([1, len(signers)]) + b"".join(signers) + text


FORMS = {
    "version 0": version_0(TEXT, SIGNER),
    "version 0 in UTF-8": version_0(TEXT, SIGNER, kind=1),
    "version 0 with a domain": version_0(TEXT, SIGNER, domain=bytes(range(32))),
    "without domain": without_domain(TEXT),
    "version 1": version_1(TEXT, SIGNER),
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_a_text_in_an_envelope_signs_in_like_the_text_alone(data: bytes) -> None:
    """The signature covers the envelope, the checks its text."""
    signed = opened(data, accepts_envelope=True)
    assert check(signed, stored(), signature_of(KEY, data), NOW) == SIGNER


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_a_signature_of_the_text_is_none_of_the_envelope(data: bytes) -> None:
    """And the other way round: what is verified is exactly what was signed."""
    signed = opened(data, accepts_envelope=True)
    with pytest.raises(SignInRefused) as caught:
        check(signed, stored(), signature_of(KEY, TEXT), NOW)
    assert caught.value.code == "signature_invalid"


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_without_the_setting_envelopes_are_refused(data: bytes) -> None:
    """AUTH_OFFCHAIN_MESSAGES is off by default."""
    with pytest.raises(SignInRefused) as caught:
        opened(data, accepts_envelope=False)
    assert caught.value.code == "message_malformed"


_WRONG_SIGNERS = {
    "another wallet, version 0": version_0(TEXT, bytes(OTHER.pubkey())),
    "another wallet, version 1": version_1(TEXT, bytes(OTHER.pubkey())),
    "one more": version_1(TEXT, *sorted((SIGNER, bytes(OTHER.pubkey())))),
}


@pytest.mark.parametrize("data", _WRONG_SIGNERS.values(), ids=_WRONG_SIGNERS)
def test_the_envelope_names_the_same_wallet_as_the_text(data: bytes) -> None:
    """And no other."""
    with pytest.raises(SignInRefused, match="signer"):
        opened(data, accepts_envelope=True)


_MALFORMED = {
    "text": TEXT,
    "the signing domain alone": SIGNING_DOMAIN,
    "no body": SIGNING_DOMAIN + b"\0",
    "version 2": SIGNING_DOMAIN + bytes([2, 1]) + SIGNER + TEXT,
    "no signers, version 0": version_0(TEXT),
    "no signers, version 1": version_1(TEXT),
    "fewer signers than said": SIGNING_DOMAIN + bytes([1, 2]) + SIGNER,
    "no text, version 0": version_0(b"", SIGNER),
    "no text, version 1": version_1(b"", SIGNER),
    "no text, without domain": without_domain(b""),
    "a byte too many": version_0(TEXT, SIGNER) + b"x",
    "a byte too few": version_0(TEXT, SIGNER)[:-1],
    "extended UTF-8": version_0(TEXT, SIGNER, kind=2),
    "extended UTF-8 without domain": without_domain(TEXT, kind=2),
    "signers twice": version_1(TEXT, SIGNER, SIGNER),
    "signers out of order": version_1(TEXT, *sorted((SIGNER, bytes(OTHER.pubkey())), reverse=True)),
}


@pytest.mark.parametrize("data", _MALFORMED.values(), ids=_MALFORMED)
def test_what_does_not_add_up_is_refused(data: bytes) -> None:
    """Every byte is accounted for."""
    with pytest.raises(MalformedEnvelope):
        unwrap(data)


@given(st.binary(min_size=1, max_size=60), st.binary(min_size=32, max_size=32), st.integers(0, 1))
def test_what_was_wrapped_is_unwrapped(text: bytes, signer: bytes, kind: int) -> None:
    """In each of the forms."""
    assert unwrap(version_0(text, signer, kind=kind)) == Envelope(text, (signer,))
    assert unwrap(version_1(text, signer)) == Envelope(text, (signer,))
    assert unwrap(without_domain(text, kind)) == Envelope(text, None)


@given(st.binary(max_size=200))
def test_nothing_else_is_raised(body: bytes) -> None:
    """Hostile bytes are malformed, never an error of ours."""
    data = SIGNING_DOMAIN + body
    assert is_envelope(data)
    try:
        envelope = unwrap(data)
    except MalformedEnvelope:
        return
    assert envelope.text in body
