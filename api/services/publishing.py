"""Events of the backend's own: checked against their models, then into the feed like all others."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from common.errors import InvalidEvent
from common.messages import (
    CurveCompleted,
    NewTrade,
    PortfolioUpdate,
    PriceUpdate,
    Retracted,
    TokenCreated,
    TokenMigrated,
)
from db.publish import Publication
from programs.keys import key_of

MODELS: Mapping[str, type[msgspec.Struct]] = MappingProxyType(
    {
        "token_created": TokenCreated,
        "new_trade": NewTrade,
        "curve_completed": CurveCompleted,
        "token_migrated": TokenMigrated,
        "retracted": Retracted,
        "price_update": PriceUpdate,
        "portfolio_update": PortfolioUpdate,
    }
)
"""market_stats has no fixed fields: any JSON object."""

PUBLISHABLE = frozenset(MODELS) | {"market_stats"}
MAX_DATA_BYTES = 8 * 1024


def publication(event: str, data: Mapping[str, Any]) -> Publication:
    """The checked event, ready for the feed; its rooms follow from `mint` and `wallet` in `data`.

    Raises InvalidEvent saying which field is wrong.
    """
    checked = _checked(event, data)
    text = msgspec.json.encode(checked)
    if len(text) > MAX_DATA_BYTES:
        raise InvalidEvent(
            "this event is too large", hint=f"At most {MAX_DATA_BYTES} bytes", bytes=len(text)
        )
    return Publication(
        event=event,
        data=text.decode(),
        mint=_key(data, "mint"),
        wallet=_key(data, "wallet"),
        slot=data.get("slot"),
    )


def _checked(event: str, data: Mapping[str, Any]) -> object:
    model = MODELS.get(event)
    if model is None and event not in PUBLISHABLE:
        raise InvalidEvent(
            f"there is no event {event[:64]!r}", hint=f"One of {', '.join(sorted(PUBLISHABLE))}"
        )
    try:
        if model is None:
            return msgspec.to_builtins(dict(data), str_keys=True)
        return msgspec.convert(dict(data), model)
    except (msgspec.ValidationError, TypeError) as error:
        raise InvalidEvent(f"this is no {event}: {error}", hint="See docs/protocol.md") from None


def _key(data: Mapping[str, Any], name: str) -> bytes | None:
    text = data.get(name)
    if text is None:
        return None
    try:
        return key_of(text)
    except (ValueError, TypeError):
        raise InvalidEvent(f"{name} is not a key: 32 bytes in base58") from None
