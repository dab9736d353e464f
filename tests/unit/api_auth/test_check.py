"""The checks of a signed message: each way to be wrong is refused for its reason."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.keypair import Keypair

from api.services.auth.check import check, opened
from api.services.auth.errors import SignInRefused
from api.services.auth.siws import SignInMessage
from programs.keys import b58
from tests.helpers.sign_in import NOW, signature_of, stored, text_of

KEY = Keypair.from_seed(bytes(range(32)))
OTHER = Keypair.from_seed(bytes(range(1, 33)))
WALLET = bytes(KEY.pubkey())


def signed_in(
    data: bytes,
    *,
    by: Keypair = KEY,
    against: SignInMessage | None = None,
    now: float = NOW + 1,
    signature: bytes | None = None,
) -> bytes:
    """The wallet that `data`, signed by `by`, signs in."""
    signature = signature if signature is not None else signature_of(by, data)
    message = opened(data, accepts_envelope=False)
    return check(message, against if against is not None else stored(), signature, now)


def refusal(data: bytes, **options: Any) -> str:
    """The code of the refusal."""
    with pytest.raises(SignInRefused) as caught:
        signed_in(data, **options)
    return caught.value.code


def test_the_stored_message_signed_by_its_wallet_signs_in() -> None:
    """Every field as issued, the address the wallet's own, the signature by its key."""
    assert signed_in(text_of(stored(), KEY)) == WALLET


def test_an_input_that_names_the_address_takes_only_that() -> None:
    """Asked for one wallet, signed in by it; another is refused, however well it signs."""
    expected = stored(address=str(KEY.pubkey()))
    assert signed_in(text_of(stored(), KEY), against=expected) == WALLET
    code = refusal(text_of(stored(), OTHER), by=OTHER, against=expected)
    assert code == "message_mismatch"


_ALTERED: dict[str, tuple[dict[str, Any], str]] = {
    "another domain": ({"domain": "evil.example"}, "message_mismatch"),
    "a subdomain": ({"domain": "www.curvefeed.example"}, "message_mismatch"),
    "the domain as a suffix": ({"domain": "evil-curvefeed.example"}, "message_mismatch"),
    "the domain as a prefix": ({"domain": "curvefeed.example.evil.example"}, "message_mismatch"),
    "a port": ({"domain": "curvefeed.example:443"}, "message_mismatch"),
    "the domain in capitals": ({"domain": "Curvefeed.example"}, "message_mismatch"),
    "a punycode look-alike": ({"domain": "xn--curvefed-k1a.example"}, "message_mismatch"),
    "another statement": ({"statement": "Sign in to curvefeed."}, "message_mismatch"),
    "no statement": ({"statement": None}, "message_mismatch"),
    "another uri": ({"uri": "https://curvefeed.example/"}, "message_mismatch"),
    "http instead of https": ({"uri": "http://curvefeed.example"}, "message_mismatch"),
    "no uri": ({"uri": None}, "message_mismatch"),
    "no version": ({"version": None}, "message_mismatch"),
    "another chain": ({"chain_id": "solana:devnet"}, "message_mismatch"),
    "the chain without its prefix": ({"chain_id": "mainnet"}, "message_mismatch"),
    "no chain": ({"chain_id": None}, "message_mismatch"),
    "another nonce": ({"nonce": "k3x9AbC7k3x9AbC7k3x9AbC8"}, "message_mismatch"),
    "the nonce in another case": ({"nonce": "K3x9AbC7k3x9AbC7k3x9AbC7"}, "message_mismatch"),
    "no nonce": ({"nonce": None}, "message_malformed"),
    "issued later": ({"issued_at": "2026-11-22T10:10:00.001Z"}, "message_mismatch"),
    "issued in another notation": ({"issued_at": "2026-11-22T10:10:00Z"}, "message_mismatch"),
    "no time of issue": ({"issued_at": None}, "message_mismatch"),
    "valid for longer": ({"expiration_time": "2027-11-22T10:15:00.000Z"}, "message_mismatch"),
    "valid for ever": ({"expiration_time": None}, "message_mismatch"),
    "a time before which": ({"not_before": "2026-11-22T10:10:00.000Z"}, "message_mismatch"),
    "another request": ({"request_id": "4f1a2b3c4d5e6f71"}, "message_mismatch"),
    "no request": ({"request_id": None}, "message_mismatch"),
    "resources": ({"resources": ("https://curvefeed.example",)}, "message_mismatch"),
    "an empty list of resources": ({"resources": ()}, "message_mismatch"),
}


@pytest.mark.parametrize(("changes", "code"), _ALTERED.values(), ids=_ALTERED)
def test_a_field_that_is_altered_added_or_missing_is_refused(
    changes: dict[str, Any], code: str
) -> None:
    """What was signed must be what was issued, field by field; missing is as different as other."""
    assert refusal(text_of(stored(**changes), KEY)) == code


@pytest.mark.parametrize("name", [field.name for field in msgspec.structs.fields(SignInMessage)])
def test_every_field_of_the_message_is_among_the_altered(name: str) -> None:
    """A field added to the message later can't be forgotten here."""
    assert name == "address" or any(name in changes for changes, _ in _ALTERED.values())


def test_a_message_that_names_a_victim_and_is_signed_by_another_is_refused() -> None:
    """The key is the address in the message, whoever sends it."""
    assert refusal(text_of(stored(), KEY), by=OTHER) == "signature_invalid"


def test_another_address_with_the_signature_of_the_first_is_refused() -> None:
    """A signature belongs to its text."""
    signature = signature_of(KEY, text_of(stored(), KEY))
    assert refusal(text_of(stored(), OTHER), signature=signature) == "signature_invalid"


@given(st.integers(0, 511))
def test_no_bit_of_the_signature_can_be_changed(bit: int) -> None:
    """Also those that a lenient verifier overlooks."""
    data = text_of(stored(), KEY)
    changed = bytearray(signature_of(KEY, data))
    changed[bit // 8] ^= 1 << bit % 8
    assert refusal(data, signature=bytes(changed)) == "signature_invalid"


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_another_length_is_refused(size: int) -> None:
    """Ed25519 signatures have 64 bytes."""
    assert refusal(text_of(stored(), KEY), signature=bytes(size)) == "signature_invalid"


_SMALL_ORDER = {
    "order 1": bytes([1]) + bytes(31),
    "order 4": bytes(32),
    "order 2": bytes.fromhex("ec" + "ff" * 30 + "7f"),
}


@pytest.mark.parametrize("key", _SMALL_ORDER.values(), ids=_SMALL_ORDER)
def test_a_wallet_for_which_anybody_can_sign_is_refused(key: bytes) -> None:
    """Keys of small order pass a lenient Ed25519 check with a signature made of nothing."""
    text = text_of(stored(), KEY).replace(str(KEY.pubkey()).encode(), b58(key).encode())
    for point in _SMALL_ORDER.values():
        assert refusal(text, signature=point + bytes(32)) == "signature_invalid"


def test_the_same_signature_in_another_form_is_refused() -> None:
    """S + L verifies in a lenient check: one signature has one form."""
    data = text_of(stored(), KEY)
    signature = signature_of(KEY, data)
    order = 2**252 + 27742317777372353535851937790883648493
    other = int.from_bytes(signature[32:], "little") + order
    malleated = signature[:32] + other.to_bytes(32, "little")
    assert refusal(data, signature=malleated) == "signature_invalid"


@pytest.mark.parametrize("seconds", [-61, 300, 301, 10**9])
def test_outside_its_time_a_message_is_refused(seconds: int) -> None:
    """Not before its issue, but for a minute that clocks may differ, and not after its end."""
    assert refusal(text_of(stored(), KEY), now=NOW + seconds) == "message_expired"


@pytest.mark.parametrize("seconds", [-59, 0, 299])
def test_within_its_time_it_is_good(seconds: int) -> None:
    """Five minutes, and the minute that clocks may differ."""
    assert signed_in(text_of(stored(), KEY), now=NOW + seconds) == WALLET


def test_not_before_is_honoured() -> None:
    """Where the stored message has one."""
    expected = stored(not_before="2026-11-22T10:11:00Z")
    data = text_of(expected, KEY)
    assert refusal(data, against=expected, now=NOW + 59) == "message_expired"
    assert signed_in(data, against=expected, now=NOW + 60) == WALLET


@pytest.mark.parametrize("name", ["issued_at", "expiration_time"])
def test_a_message_stored_without_times_is_never_valid(name: str) -> None:
    """Even if the server had issued one."""
    expected = stored(**{name: None})
    assert refusal(text_of(expected, KEY), against=expected) == "message_expired"


def test_crlf_is_refused() -> None:
    """A text that went through a program that changes line ends isn't the text any more."""
    data = text_of(stored(), KEY).replace(b"\n", b"\r\n")
    assert refusal(data) == "message_malformed"


def test_a_refusal_repeats_no_secret() -> None:
    """Neither nonce nor signature are in what is said (and logged)."""
    with pytest.raises(SignInRefused) as caught:
        signed_in(text_of(stored(nonce="AAAABBBBCCCCDDDDEEEEFFFF"), KEY))
    said = f"{caught.value.detail} {caught.value.hint}"
    assert "AAAABBBB" not in said
    assert str(stored().nonce) not in said
