"""Parameters of calls: typed, and refused in a validator's words."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec
from solders.hash import Hash, ParseHashError
from solders.pubkey import Pubkey

from localnet.chain import CONFIRMED, Chain
from localnet.encoding import from_base58
from localnet.errors import MIN_CONTEXT_SLOT, RpcError, invalid_params
from localnet.render import Slice, Style

LEVELS = {"processed": 0, "confirmed": 1, "finalized": 2}
NAMES = ("processed", "confirmed", "finalized")


class MemoryCompare(msgspec.Struct, frozen=True):
    """A filter on bytes at an offset; base58 unless `encoding` says base64."""

    offset: int
    bytes: str | list[int]
    encoding: str = "base58"


class Filter(msgspec.Struct, frozen=True, rename="camel"):
    """One condition of getProgramAccounts and programSubscribe."""

    data_size: int | None = None
    memcmp: MemoryCompare | None = None


class WantedAccounts(msgspec.Struct, frozen=True):
    """Accounts a caller of simulateTransaction wants back."""

    addresses: list[str]
    encoding: str = "base64"


class Config(msgspec.Struct, frozen=True, rename="camel"):
    """The last parameter of nearly every method: each reads what concerns it."""

    commitment: str | None = None
    min_context_slot: int | None = None
    encoding: str | None = None
    data_slice: Slice | None = None
    filters: list[Filter] | None = None
    with_context: bool = False
    max_supported_transaction_version: int | None = None
    transaction_details: str = "full"
    rewards: bool = True
    show_rewards: bool = True
    limit: int = 1000
    before: str | None = None
    until: str | None = None
    skip_preflight: bool = False
    preflight_commitment: str | None = None
    sig_verify: bool = False
    replace_recent_blockhash: bool = False
    inner_instructions: bool = False
    accounts: WantedAccounts | None = None

    @property
    def style(self) -> Style:
        """How it wants transactions."""
        version = self.max_supported_transaction_version
        return Style(self.encoding or "json", version, self.transaction_details)


NO_CONFIG = Config()


T = TypeVar("T")


def converted(value: object, kind: type[T]) -> T:
    """`value` of a request as `kind`; members that are null count as absent. Raises RpcError."""
    if isinstance(value, dict):
        value = {name: member for name, member in value.items() if member is not None}
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise invalid_params(f"Invalid params: {error}.") from None


def key_of(text: str) -> Pubkey:
    """The key in `text`. Raises RpcError."""
    try:
        return Pubkey.from_string(text)
    except ValueError as error:
        reason = "WrongSize" if "length" in str(error).lower() else "Invalid"
        raise invalid_params(f"Invalid param: {reason}") from None


def hash_of(text: str) -> Hash:
    """The hash in `text`. Raises RpcError."""
    try:
        return Hash.from_string(text)
    except (ValueError, ParseHashError):
        raise invalid_params("Invalid param: Invalid") from None


def bytes_of(text: str, encoding: str | None, default: str = "base58") -> bytes:
    """Bytes in base58 or base64. Raises RpcError."""
    try:
        if (encoding or default) == "base64":
            return base64.b64decode(text, validate=True)
        return from_base58(text)
    except (ValueError, binascii.Error) as error:
        raise invalid_params(f"invalid {encoding or default} encoding: {error}") from None


def raw_level(commitment: str | None, lowest: int = 0) -> int:
    """Number of a commitment (default finalized). Raises RpcError."""
    level = LEVELS.get(commitment or "finalized")
    if level is None:
        expected = "expected one of `processed`, `confirmed`, `finalized`"
        raise invalid_params(f"Invalid params: unknown variant `{commitment}`, {expected}.")
    if level < lowest:
        raise invalid_params(f"Method does not support commitment below `{NAMES[CONFIRMED]}`")
    return level


class Methods:
    """What the groups of methods share; each method is a function with annotated parameters."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain

    def level(self, config: Config | None, lowest: int = 0) -> int:
        """The commitment asked for, as a number. Raises RpcError, also for a node behind."""
        asked = config or NO_CONFIG
        level = raw_level(asked.commitment, lowest)
        slot = self.chain.tips[level]
        if asked.min_context_slot is not None and asked.min_context_slot > slot:
            message = "Minimum context slot has not been reached"
            raise RpcError(MIN_CONTEXT_SLOT, message, {"contextSlot": slot})
        return level

    def with_context(self, value: object, level: int) -> dict[str, object]:
        """`value` and the slot it is of."""
        context = {"apiVersion": VERSION, "slot": self.chain.tips[level]}
        return {"context": context, "value": value}


VERSION = "4.1.2"
"""The agave release whose answers we print."""
FEATURE_SET = 3345198602
