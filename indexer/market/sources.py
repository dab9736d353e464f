"""Where prices in dollars come from: a setting, a Pyth account, a JSON document.

Pyth: PriceUpdateV2 of pyth-solana-receiver-sdk (docs.rs). Only fully verified updates count, and
only those whose confidence interval is narrow.
"""

from __future__ import annotations

import base64
import struct
import time
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from urllib.parse import urldefrag

import httpx2
import msgspec

from common.errors import NodeError, SettingsError
from common.settings import Settings
from db.prices import Reading
from indexer.rpc import Node
from programs.keys import key_of
from programs.pump_instructions import WRAPPED_SOL

DEMO_PRICE = Decimal(150)
"""Dollars of a localnet's SOL: a round number, and marked as a demo wherever it is shown."""

_PYTH_RECEIVER = "rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ"
_PRICE_UPDATE = bytes.fromhex("22f123639d7ef4cd")
_FULLY_VERIFIED = 1
_MESSAGE_AT = 8 + 32 + 1 + 32
_MESSAGE = struct.Struct("<qQiq")
_WIDEST = 20
"""A confidence interval above a twentieth of the price says that nobody knows it."""
_MAX_DOCUMENT_BYTES = 64 * 1024


class PriceSource(Protocol):
    """Says a price when asked. Raises NodeError if it can't now."""

    async def read(self) -> Reading:
        """The price of now."""


class FixedPrice:
    """Always the same: for stable coins, and as a demo."""

    def __init__(self, price: Decimal, source: str = "fixed") -> None:
        self._price = price
        self._source = source

    async def read(self) -> Reading:
        """See PriceSource."""
        return Reading(price=self._price, observed_at=int(time.time()), source=self._source)


class _Account(msgspec.Struct):
    owner: str
    data: tuple[str, str]


class _Context(msgspec.Struct):
    slot: int


class _AccountAnswer(msgspec.Struct):
    context: _Context
    value: _Account | None


class PythPrice:
    """A price account of Pyth's receiver program, read over RPC."""

    def __init__(self, node: Node, account: str) -> None:
        self._node = node
        self._account = account

    async def read(self) -> Reading:
        """See PriceSource."""
        config = {"encoding": "base64", "commitment": "confirmed"}
        found = await self._node.call("getAccountInfo", [self._account, config], _AccountAnswer)
        if found.value is None or found.value.owner != _PYTH_RECEIVER:
            raise NodeError("that is not an account of Pyth's receiver", account=self._account)
        data = base64.b64decode(found.value.data[0])
        return msgspec.structs.replace(pyth_reading(data), slot=found.context.slot)


def pyth_reading(data: bytes) -> Reading:
    """From the bytes of a PriceUpdateV2 account. Raises NodeError where it says nothing usable."""
    if data[:8] != _PRICE_UPDATE or len(data) < _MESSAGE_AT + _MESSAGE.size:
        raise NodeError("that is not a price update of Pyth")
    if data[40] != _FULLY_VERIFIED:
        raise NodeError("the price update is not fully verified")
    price, confidence, exponent, published = _MESSAGE.unpack_from(data, _MESSAGE_AT)
    if price <= 0 or confidence * _WIDEST > price:
        raise NodeError("the price is too uncertain", price=price, confidence=confidence)
    unit = Decimal(1).scaleb(exponent)
    return Reading(
        price=price * unit, observed_at=published, source="pyth", confidence=confidence * unit
    )


class HttpPrice:
    """A JSON document; `#a.0.b` in its URL leads to the price."""

    def __init__(self, http: httpx2.AsyncClient, url: str) -> None:
        self._http = http
        self._url, path = urldefrag(url)
        self._path = [part for part in path.split(".") if part]

    async def read(self) -> Reading:
        """See PriceSource."""
        try:
            async with self._http.stream("GET", self._url) as response:
                response.raise_for_status()
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_DOCUMENT_BYTES:
                        raise NodeError("the price's document is too large")
            value: Any = msgspec.json.decode(body)
            for part in self._path:
                value = value[int(part)] if isinstance(value, list) else value[part]
            price = Decimal(str(value))
        except (httpx2.HTTPError, msgspec.DecodeError, LookupError, TypeError, ValueError,
                InvalidOperation) as error:  # fmt: skip
            raise NodeError("no price at that address", reason=type(error).__name__) from None
        if not price.is_finite() or price <= 0:
            raise NodeError("the price is not above 0")
        return Reading(price=price, observed_at=int(time.time()), source="http")


def price_sources(
    settings: Settings, node: Node, http: httpx2.AsyncClient
) -> dict[bytes, PriceSource]:
    """A source per quote mint, as the settings say. Raises SettingsError."""
    if settings.usd_prices is None:
        is_demo = settings.auth_chain_id == "solana:localnet"
        return {bytes(WRAPPED_SOL): FixedPrice(DEMO_PRICE, "demo")} if is_demo else {}
    found: dict[bytes, PriceSource] = {}
    for part in settings.usd_prices.split():
        name, _, text = part.partition("=")
        try:
            mint = bytes(WRAPPED_SOL) if name == "SOL" else key_of(name)
            found[mint] = _source(text, node, http)
        except (ValueError, InvalidOperation):
            raise SettingsError(
                "USD_PRICES is not understood",
                hint="It is MINT=fixed:150, MINT=pyth:ACCOUNT or MINT=https://host/path#field",
                part=part[:100],
            ) from None
    return found


def _source(text: str, node: Node, http: httpx2.AsyncClient) -> PriceSource:
    if text.startswith("fixed:"):
        price = Decimal(text.removeprefix("fixed:"))
        if not price.is_finite() or price <= 0:
            raise ValueError("a price is above 0")
        return FixedPrice(price)
    if text.startswith("pyth:"):
        account = text.removeprefix("pyth:")
        key_of(account)
        return PythPrice(node, account)
    if text.startswith(("https://", "http://")):
        return HttpPrice(http, text)
    raise ValueError("no such source")
