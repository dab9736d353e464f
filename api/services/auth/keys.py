"""Keys that sign access tokens: Ed25519, named by `kid`, two or more of them during a rotation."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import SecretStr

from common.errors import SettingsError

SEED_BYTES = 32
_MAX_SEEN = 20_000
_KID = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_HINT = 'AUTH_SIGNING_KEYS is kid:base64[,kid:base64], each made by "openssl rand -base64 32"'


class Access(msgspec.Struct, frozen=True):
    """Whom an access token speaks for. `session` is the sign-in it came from (`sid`), `version` its
    wallet's token version then (`tv`), `exp` unix seconds."""

    wallet: bytes
    session: bytes
    version: int
    exp: int


class Seen:
    """What was found in texts that these keys have signed, so that one which comes again, as with
    5,000 reconnects at once, is not verified again: same bytes, same keys, same answer. Holds
    digests, no tokens, and the newest of them only."""

    def __init__(self) -> None:
        self._found: OrderedDict[bytes, Access] = OrderedDict()

    def get(self, text: str) -> Access | None:
        """What `put` was told about exactly this text."""
        return self._found.get(_digest(text))

    def put(self, text: str, found: Access) -> None:
        """It was verified, with this result."""
        self._found[_digest(text)] = found
        if len(self._found) > _MAX_SEEN:
            self._found.popitem(last=False)


class SigningKeys:
    """The first key signs; all of them verify."""

    def __init__(self, seeds: Mapping[str, bytes]) -> None:
        keys = {kid: Ed25519PrivateKey.from_private_bytes(seed) for kid, seed in seeds.items()}
        self.kid, self.private = next(iter(keys.items()))
        self._public = MappingProxyType({kid: key.public_key() for kid, key in keys.items()})
        self.seen = Seen()
        self.heads: dict[str, str] = {}
        """Headers of tokens that were verified, as they stand in them: which key signed."""

    def public(self, kid: str) -> Ed25519PublicKey | None:
        """The key that verifies what `kid` signed; None if there is none of that name."""
        return self._public.get(kid)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def parse_keys(setting: SecretStr) -> SigningKeys:
    """Keys of AUTH_SIGNING_KEYS. Raises SettingsError, which never shows a key."""
    seeds: dict[str, bytes] = {}
    for entry in setting.get_secret_value().split(","):
        kid, _, encoded = entry.strip().partition(":")
        if not _KID.fullmatch(kid) or kid in seeds:
            raise SettingsError("a key's name is missing, odd or there twice", hint=_HINT)
        seeds[kid] = _seed(encoded, kid)
    if len(set(seeds.values())) != len(seeds):
        raise SettingsError("two names have the same key", hint=_HINT)
    return SigningKeys(seeds)


def _seed(encoded: str, kid: str) -> bytes:
    try:
        seed = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise SettingsError("a key is not base64", hint=_HINT, kid=kid) from None
    if len(seed) != SEED_BYTES:
        raise SettingsError("a key does not have 32 bytes", hint=_HINT, kid=kid)
    if len(set(seed)) < SEED_BYTES // 4:
        raise SettingsError("a key is not random", hint=_HINT, kid=kid)
    return seed
