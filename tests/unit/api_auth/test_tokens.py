"""Access tokens: what is issued is read, and everything else is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr

from api.services.auth import tokens
from api.services.auth.errors import SignInRefused
from api.services.auth.keys import SigningKeys, parse_keys
from api.services.auth.tokens import Access, issue, read
from common.errors import SettingsError

SEED_A, SEED_B = hashlib.sha256(b"a").digest(), hashlib.sha256(b"b").digest()
KEYS = SigningKeys({"a": SEED_A})
WALLET, SESSION = bytes(range(32)), bytes(range(16))


def access(seconds: int = 600) -> Access:
    """Good for so long."""
    return Access(WALLET, SESSION, 3, int(time.time()) + seconds)


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a good token, with changes; a claim that is None is left out."""
    token = issue(KEYS, access(), int(time.time()))
    good: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(payload: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """By the right key, whatever it says."""
    extra = {"kid": "a", "typ": "at+jwt"} if header is None else header
    return jwt.encode(payload, KEYS.private, algorithm="EdDSA", headers=extra)


def part(value: dict[str, Any] | bytes) -> str:
    """One part of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def refusal(token: str, keys: SigningKeys = KEYS) -> str:
    """Why it is refused."""
    with pytest.raises(SignInRefused) as caught:
        read(keys, token)
    assert caught.value.status == 401
    return caught.value.code


def test_what_is_issued_is_read() -> None:
    """With nothing lost."""
    found = access()
    assert read(KEYS, issue(KEYS, found, int(time.time()))) == found


def test_a_token_says_what_the_protocol_requires() -> None:
    """iss, aud=hub, sub=wallet, exp, iat, jti, tv; algorithm and key id in the header."""
    token = issue(KEYS, access(), int(time.time()))
    assert set(claims()) == {"iss", "aud", "sub", "exp", "iat", "jti", "tv", "sid"}
    assert claims()["aud"] == "hub"
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": "a", "typ": "at+jwt"}


def test_each_token_has_its_own_id() -> None:
    """jti is never the same."""
    assert claims()["jti"] != claims()["jti"]


def test_an_expired_token_is_told_from_a_wrong_one() -> None:
    """So that a client refreshes instead of asking its user to sign again."""
    assert refusal(signed(claims(exp=int(time.time()) - 60))) == "token_expired"


@pytest.mark.parametrize("name", tokens.REQUIRED)
def test_a_claim_that_is_missing_is_refused(name: str) -> None:
    """Each of them is required."""
    assert refusal(signed(claims(**{name: None}))) == "token_invalid"


_WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "somebody"},
    "another audience": {"aud": "rest"},
    "several audiences": {"aud": ["hub", "rest"]},
    "a list of the right audience": {"aud": ["hub"]},
    "a wallet that is none": {"sub": "not-base58"},
    "a wallet as a number": {"sub": 1},
    "an empty wallet": {"sub": ""},
    "a version as text": {"tv": "3"},
    "a version below zero": {"tv": -1},
    "a version that is true": {"tv": True},
    "a session that is not hexadecimal": {"sid": "session"},
    "a session that is too short": {"sid": "00"},
    "issued in the future": {"iat": int(time.time()) + 86_400},
    "not yet valid": {"nbf": int(time.time()) + 86_400},
    "an end that is text": {"exp": "tomorrow"},
    "an end as a fraction": {"exp": time.time() + 86_400.5},
    "an end that is infinite": {"exp": float("inf")},
    "an id that is a number": {"jti": 7},
    "one claim more": {"scope": "admin"},
}


@pytest.mark.parametrize("changes", _WRONG_CLAIMS.values(), ids=_WRONG_CLAIMS)
def test_a_claim_that_is_not_what_is_issued_is_refused(changes: dict[str, Any]) -> None:
    """Though the signature is right."""
    assert refusal(signed(claims(**changes))) == "token_invalid"


_HEADERS: dict[str, dict[str, Any]] = {
    "an unknown key": {"kid": "z", "typ": "at+jwt"},
    "no key": {"typ": "at+jwt"},
    "another type": {"kid": "a", "typ": "JWT"},
    "a key of its own": {"kid": "a", "typ": "at+jwt", "jwk": {"kty": "OKP"}},
    "a place of keys": {"kid": "a", "typ": "at+jwt", "jku": "https://evil.example/keys"},
    "a certificate": {"kid": "a", "typ": "at+jwt", "x5u": "https://evil.example/cert"},
    "an extension": {"kid": "a", "typ": "at+jwt", "crit": ["exp"]},
}


@pytest.mark.parametrize("header", _HEADERS.values(), ids=_HEADERS)
def test_a_header_that_is_not_what_is_issued_is_refused(header: dict[str, Any]) -> None:
    """A token does not choose how it is checked."""
    assert refusal(signed(claims(), header)) == "token_invalid"


def _none(name: str) -> str:
    return f"{part({'alg': name, 'kid': 'a', 'typ': 'at+jwt'})}.{part(claims())}."


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
def test_a_token_without_a_signature_is_refused(name: str) -> None:
    """Algorithm none, however it is spelled."""
    assert refusal(_none(name)) == "token_invalid"


@pytest.mark.parametrize("encoding", ["raw", "pem", "der"])
def test_the_public_key_as_an_hmac_secret_is_refused(encoding: str) -> None:
    """HS256 with what everybody may know: the confusion of algorithms."""
    public = KEYS.private.public_key()
    secret = {
        "raw": public.public_bytes(Encoding.Raw, PublicFormat.Raw),
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    }[encoding]
    head = f"{part({'alg': 'HS256', 'kid': 'a', 'typ': 'at+jwt'})}.{part(claims())}"
    signature = hmac.digest(secret, head.encode(), "sha256")
    assert refusal(f"{head}.{part(signature)}") == "token_invalid"


def test_other_algorithms_are_refused() -> None:
    """RS256 and ES256, validly signed by somebody's key."""
    header = {"kid": "a", "typ": "at+jwt"}
    rsa_key = rsa.generate_private_key(65537, 2048)
    curve_key = ec.generate_private_key(ec.SECP256R1())
    assert refusal(jwt.encode(claims(), rsa_key, "RS256", header)) == "token_invalid"
    assert refusal(jwt.encode(claims(), curve_key, "ES256", header)) == "token_invalid"


def test_another_algorithm_over_the_right_signature_is_refused() -> None:
    """The header is signed too."""
    _, payload, signature = signed(claims()).split(".")
    head = part({"alg": "ES256", "kid": "a", "typ": "at+jwt"})
    assert refusal(f"{head}.{payload}.{signature}") == "token_invalid"


def test_a_token_seen_before_is_still_looked_at() -> None:
    """It is read again without verifying it, but expires; with other letters in its signature, or
    other keys, it is another one."""
    keys, found = SigningKeys({"a": SEED_A}), access()
    token = issue(keys, found, int(time.time()))
    assert [read(keys, token), read(keys, token)] == [found, found]
    head, payload, signature = token.split(".")
    other = "A" if signature[0] != "A" else "B"
    assert refusal(f"{head}.{payload}.{other}{signature[1:]}", keys) == "token_invalid"
    assert refusal(token, SigningKeys({"a": SEED_B})) == "token_invalid"
    assert refusal("\ud800", keys) == "token_invalid"
    past = issue(keys, access(-60), int(time.time()) - 700)
    keys.seen.put(past, access(-60))
    assert refusal(past, keys) == "token_expired"


def test_a_changed_payload_is_refused() -> None:
    """Another wallet behind the signature of the first."""
    head, _, signature = signed(claims()).split(".")
    other = part(claims(sub="So11111111111111111111111111111111111111112"))
    assert refusal(f"{head}.{other}.{signature}") == "token_invalid"


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b.c", "eyJ", "é.é.é", "\0", "cft_" + "a" * 43, "a" * 5_000, ". ." * 9],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    """Never an error of ours."""
    assert refusal(token) == "token_invalid"


def test_a_key_of_the_same_name_elsewhere_signs_nothing_here() -> None:
    """kid is a name, not a proof."""
    assert refusal(issue(SigningKeys({"a": SEED_B}), access(), int(time.time()))) == "token_invalid"


def test_keys_are_rotated_without_a_moment_in_between() -> None:
    """The new key is made known, then signs, then the old one goes; a token outlives the change."""
    old = SigningKeys({"a": SEED_A})
    known = SigningKeys({"a": SEED_A, "b": SEED_B})
    signing = SigningKeys({"b": SEED_B, "a": SEED_A})
    done = SigningKeys({"b": SEED_B})
    now = int(time.time())
    by_a, by_b = issue(old, access(), now), issue(signing, access(), now)
    for keys in (old, known, signing):
        assert read(keys, by_a).wallet == WALLET
    for keys in (known, signing, done):
        assert read(keys, by_b).wallet == WALLET
    assert refusal(by_a, done) == "token_invalid"


def setting(*pairs: tuple[str, bytes]) -> SecretStr:
    """AUTH_SIGNING_KEYS of these."""
    return SecretStr(",".join(f"{kid}:{base64.b64encode(seed).decode()}" for kid, seed in pairs))


def test_the_first_key_of_the_setting_signs() -> None:
    """The others only verify."""
    keys = parse_keys(setting(("2026-11", SEED_A), ("2026-10", SEED_B)))
    assert keys.kid == "2026-11"
    assert keys.public("2026-10") is not None
    assert keys.public("2026-09") is None


_WRONG_KEYS = {
    "empty": SecretStr(""),
    "no name": SecretStr(base64.b64encode(SEED_A).decode()),
    "an odd name": setting(("a b", SEED_A)),
    "a name twice": setting(("a", SEED_A), ("a", SEED_B)),
    "a key twice": setting(("a", SEED_A), ("b", SEED_A)),
    "not base64": SecretStr("a:s3cret!"),
    "too short": setting(("a", SEED_A[:31])),
    "too long": setting(("a", SEED_A + b"x")),
    "zeros": setting(("a", bytes(32))),
    "a pattern": setting(("a", b"changeme" * 4)),
    "a comma at the end": SecretStr(setting(("a", SEED_A)).get_secret_value() + ","),
}


@pytest.mark.parametrize("wrong", _WRONG_KEYS.values(), ids=_WRONG_KEYS)
def test_wrong_keys_are_named_without_being_shown(wrong: SecretStr) -> None:
    """The operator reads what to do, and no log reads the key."""
    with pytest.raises(SettingsError) as caught:
        parse_keys(wrong)
    assert "AUTH_SIGNING_KEYS" in str(caught.value)
    secret = wrong.get_secret_value().rpartition(":")[2].strip(",")
    assert not secret or secret not in str(caught.value)
