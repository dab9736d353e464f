"""The text of Sign-In With Solana: written and read by its grammar, nothing more lenient.

Grammar: github.com/phantom/sign-in-with-solana (ABNF, after EIP-4361), as wallets write it in
@solana/wallet-standard-util `createSignInMessageText`. Stricter here in two points, both for
messages that nobody writes: a domain has no user before it, and a statement doesn't begin like a
field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec

from programs.keys import key_of

MAX_BYTES = 2_048
_FIRST = " wants you to sign in with your Solana account:"


class MalformedMessage(ValueError):
    """These bytes are not a sign-in message; `str()` says where."""


class SignInMessage(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One message, with the names of the wallet standard's `SolanaSignInInput`.

    `address` is empty in an input whose wallet is not known yet. Times are RFC 3339.
    """

    domain: str
    address: str | None = None
    statement: str | None = None
    uri: str | None = None
    version: str | None = None
    chain_id: str | None = None
    nonce: str | None = None
    issued_at: str | None = None
    expiration_time: str | None = None
    not_before: str | None = None
    request_id: str | None = None
    resources: tuple[str, ...] | None = None


def render(message: SignInMessage) -> str:
    """The text a wallet signs. `address` must be known."""
    if message.address is None:
        raise ValueError("a message without an address can't be signed")
    parts = [f"{message.domain}{_FIRST}\n{message.address}"]
    if message.statement is not None:
        parts.append(message.statement)
    fields = [
        f"{label}: {value}"
        for label, name in _LABELS.items()
        if (value := getattr(message, name)) is not None
    ]
    if message.resources is not None:
        fields += ["Resources:", *(f"- {resource}" for resource in message.resources)]
    if fields:
        parts.append("\n".join(fields))
    return "\n\n".join(parts)


def parse(data: bytes) -> SignInMessage:
    """The message these bytes are. Raises MalformedMessage.

    Whatever is accepted renders to the very same bytes again.
    """
    if len(data) > MAX_BYTES:
        raise MalformedMessage(f"more than {MAX_BYTES} bytes")
    sections = _text(data).split("\n\n")
    if len(sections) > 3:
        raise MalformedMessage("more than head, statement and fields")
    domain, address = _head(sections[0])
    statement, fields = _sections(sections[1:])
    found: dict[str, str | tuple[str, ...]] = _fields(fields) if fields is not None else {}
    return msgspec.convert(
        {"domain": domain, "address": address, "statement": statement}
        | {_camel(name): value for name, value in found.items()},
        SignInMessage,
    )


def instant(text: str) -> float:
    """Unix seconds of an RFC 3339 time. Raises MalformedMessage."""
    if not _DATE_TIME.fullmatch(text):
        raise MalformedMessage("a time is not RFC 3339")
    try:
        return datetime.fromisoformat(text.upper()).timestamp()
    except ValueError:
        raise MalformedMessage("a time does not exist") from None


# --- the grammar

_UNRESERVED = r"[A-Za-z0-9\-._~]"
_RESERVED = r"[:/?#\[\]@!$&'()*+,;=]"
_DOMAIN = re.compile(r"(?:[A-Za-z0-9\-._~]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_ADDRESS = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_STATEMENT = re.compile(rf"(?:{_UNRESERVED}|{_RESERVED}| )+")
_URI = re.compile(rf"[A-Za-z][A-Za-z0-9+\-.]*:(?:{_UNRESERVED}|{_RESERVED}|%[0-9A-Fa-f]{{2}})+")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_REQUEST_ID = re.compile(rf"(?:{_UNRESERVED}|[!$&'()*+,;=:@]|%[0-9A-Fa-f]{{2}})*")
_CHAIN_ID = re.compile(r"(?:solana:)?(?:mainnet|testnet|devnet|localnet)")
_NONCE = re.compile(r"[A-Za-z0-9]{8,}")


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.fullmatch(value) is not None


def _is_time(value: str) -> bool:
    instant(value)
    return True


_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "URI": "uri",
        "Version": "version",
        "Chain ID": "chain_id",
        "Nonce": "nonce",
        "Issued At": "issued_at",
        "Expiration Time": "expiration_time",
        "Not Before": "not_before",
        "Request ID": "request_id",
    }
)
"""In the order the grammar prescribes; `Resources:` follows them."""

_IS_VALUE: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "uri": _matches(_URI),
        "version": lambda value: value == "1",
        "chain_id": _matches(_CHAIN_ID),
        "nonce": _matches(_NONCE),
        "issued_at": _is_time,
        "expiration_time": _is_time,
        "not_before": _is_time,
        "request_id": _matches(_REQUEST_ID),
    }
)


def _text(data: bytes) -> str:
    for byte in data:
        if byte != 0x0A and not 0x20 <= byte <= 0x7E:
            raise MalformedMessage("only printable ASCII and line feeds are allowed")
    return data.decode("ascii")


def _head(section: str) -> tuple[str, str]:
    """Domain and address."""
    lines = section.split("\n")
    if len(lines) != 2 or not lines[0].endswith(_FIRST):
        raise MalformedMessage("the first two lines are not the domain's and the address's")
    domain, address = lines[0].removesuffix(_FIRST), lines[1]
    if not _DOMAIN.fullmatch(domain):
        raise MalformedMessage("the domain is not host[:port]")
    if not _ADDRESS.fullmatch(address):
        raise MalformedMessage("the address is not base58")
    try:
        key_of(address)
    except ValueError:
        raise MalformedMessage("the address is not 32 bytes") from None
    return domain, address


def _sections(rest: list[str]) -> tuple[str | None, str | None]:
    """Statement and fields, as far as there are any."""
    if not rest:
        return None, None
    if _begins_like_fields(rest[0]):
        if len(rest) > 1:
            raise MalformedMessage("something follows the fields")
        return None, rest[0]
    if not _STATEMENT.fullmatch(rest[0]):
        raise MalformedMessage("the statement is not one line of the characters allowed")
    return rest[0], rest[1] if len(rest) > 1 else None


def _begins_like_fields(section: str) -> bool:
    return section.startswith("Resources:") or any(
        section.startswith(f"{label}:") for label in _LABELS
    )


def _fields(section: str) -> dict[str, str | tuple[str, ...]]:
    """Value by field: each label at most once and in order."""
    head, resources = _without_resources(section.split("\n"))
    found: dict[str, str | tuple[str, ...]] = {}
    labels = iter(_LABELS.items())
    for line in head:
        label, separator, value = line.partition(": ")
        name = next((name for each, name in labels if each == label), None)
        if not separator or name is None:
            raise MalformedMessage(f"{line[:32]!r} is unknown, repeated or out of order")
        if not _IS_VALUE[name](value):
            raise MalformedMessage(f"the value of {label!r} is not what the grammar allows")
        found[name] = value
    if resources is not None:
        found["resources"] = resources
    return found


def _without_resources(lines: list[str]) -> tuple[list[str], tuple[str, ...] | None]:
    if "Resources:" not in lines:
        return lines, None
    at = lines.index("Resources:")
    resources = lines[at + 1 :]
    for line in resources:
        if not line.startswith("- ") or not _URI.fullmatch(line[2:]):
            raise MalformedMessage("a resource is not '- ' and a URI")
    return lines[:at], tuple(line[2:] for line in resources)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
