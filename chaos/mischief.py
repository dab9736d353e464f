"""What befalls one message: decided by the plan's open windows and seeded dice. Pure.

Only the network's misbehaviour is imitated. Nothing is invented: what arrives was sent by the node,
if late, twice, in another order, in part, or instead of it an error a node or its provider gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from chaos.plan import CALLS, Plan, Window

TRUNCATED = "Log truncated"
_HISTORY = ("getBlock", "getTransaction")
_LOGS = '"logsNotification"'
_SHORT_PAGE = 3


class Delivery(msgspec.Struct, frozen=True):
    """A frame to pass on, after so many seconds."""

    frame: str
    delay_s: float = 0.0


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a call."""

    status: int = 200
    headers: dict[str, str] = {}
    error: dict[str, Any] | None = None
    """A JSON-RPC error instead of the node's answer."""
    delay_s: float = 0.0
    fault: str | None = None
    """`half`, `partial` or `empty`: what to do to the node's answer."""


_PASSES = Fate()


class Mischief:
    """The dice of one endpoint. `now_s` is seconds since the faults began."""

    def __init__(self, plan: Plan, endpoint: int = 0) -> None:
        self._windows = [window for window in plan.windows if window.endpoint in (None, endpoint)]
        self._rng = Random(f"mischief {plan.seed} {endpoint}")  # noqa: S311 - reproducible
        self.counts: dict[str, int] = {}
        """How many messages each fault met."""
        self.dropped: list[str] = []
        """Notifications that were dropped."""

    def _open(self, now_s: float, *faults: str) -> Iterator[Window]:
        for window in self._windows:
            if window.start_s <= now_s < window.end_s and window.fault in faults:
                yield window

    def _meets(self, window: Window) -> bool:
        is_met = self._rng.random() < window.share
        if is_met:
            self.counts[window.fault] = self.counts.get(window.fault, 0) + 1
        return is_met

    # ---- notifications

    def deliveries(self, frame: str, now_s: float) -> list[Delivery]:
        """What arrives of a frame the node sent: nothing, it, it twice, later, or its beginning."""
        if _LOGS not in frame[:80]:
            return [Delivery(frame)]
        copies, delay_s = 1, 0.0
        for window in self._open(now_s, "drop", "duplicate", "reorder", "delay", "truncate"):
            if not self._meets(window):
                continue
            if window.fault == "drop":
                self.dropped.append(frame)
                return []
            if window.fault == "duplicate":
                copies = 2
            elif window.fault == "reorder":
                delay_s += self._rng.uniform(0, window.length_s / 4)
            elif window.fault == "delay":
                delay_s += window.length_s
            else:
                frame = truncated(frame, self._rng)
        again_s = self._rng.uniform(0, 1)
        return [Delivery(frame, delay_s), Delivery(frame, delay_s + again_s)][:copies]

    # ---- connections

    def is_cut(self, now_s: float, *, is_socket: bool) -> bool:
        """No connection is accepted now. Some outages meet sockets only, or calls only."""
        return any(meets_kind(window, is_socket) for window in self._open(now_s, "cut"))

    def stall(self, now_s: float, *, is_socket: bool) -> Window | None:
        """The window in which connections stay open and nothing comes."""
        for window in self._open(now_s, "stall"):
            if meets_kind(window, is_socket):
                return window
        return None

    # ---- calls

    def fate(self, method: str, now_s: float) -> Fate:
        """What becomes of a call that arrives now."""
        for window in self._open(now_s, *CALLS):
            if applies(window.fault, method) and self._meets(window):
                return self._fate(window)
        return _PASSES

    def _fate(self, window: Window) -> Fate:
        if window.fault == "throttle":
            return self._rng.choice(_THROTTLES)
        if window.fault == "slow":
            return Fate(delay_s=self._rng.uniform(0, window.length_s))
        if window.fault in _ERRORS:
            return Fate(error=_ERRORS[window.fault])
        return Fate(fault=window.fault)

    def altered(self, answer: bytes, fault: str) -> bytes:
        """The node's answer with a key missing or null, or with fewer signatures."""
        whole = json.loads(answer)
        if isinstance(whole, dict) and "result" in whole:
            if fault == "empty":
                keep = self._rng.choice((0, 0, _SHORT_PAGE))
                whole["result"] = whole["result"][:keep]
            else:
                take_key(whole, self._rng)
        return json.dumps(whole).encode()


_THROTTLES = (
    Fate(status=429, headers={"Retry-After": "1"}),
    Fate(status=429, headers={"Retry-After": "0"}),
    Fate(status=429),
    Fate(status=429),
    Fate(status=503),
    Fate(status=502),
)
_ERRORS: dict[str, dict[str, Any]] = {
    "busy": {
        "code": -32005,
        "message": "Node is behind by 42 slots",
        "data": {"numSlotsBehind": 42},
    },
    "ahead": {"code": -32004, "message": "Block not available for slot 1"},
    "version": {
        "code": -32015,
        "message": "Transaction version (1) is not supported by the requesting client. "
        "Please try the request again with the following configuration parameter: "
        '"maxSupportedTransactionVersion": 1',
    },
}


def meets_kind(window: Window, is_socket: bool) -> bool:
    """Flavours of an outage: a third each meets both kinds of connections, sockets, or calls."""
    return window.flavour % 3 == 0 or (window.flavour % 3 == 1) == is_socket


def is_lossy(window: Window) -> bool:
    """Flavours of a stall: what was to come is lost, or comes at the end all at once."""
    return window.flavour % 2 == 0


def applies(fault: str, method: str) -> bool:
    """Some errors exist for some methods only."""
    if fault in ("ahead", "version"):
        return method in _HISTORY
    if fault == "empty":
        return method == "getSignaturesForAddress"
    return True


def truncated(frame: str, rng: Random) -> str:
    """The notification with its log lines cut off somewhere, as nodes cut them at 10 kB."""
    whole = json.loads(frame)
    value = whole["params"]["result"]["value"]
    lines = value["logs"]
    value["logs"] = [*lines[: rng.randrange(len(lines))], TRUNCATED] if lines else lines
    return json.dumps(whole, separators=(",", ":"))


def take_key(whole: dict[str, Any], rng: Random) -> None:
    """Remove one key of a JSON answer, or make its value null, anywhere near the top."""
    places: list[dict[str, Any]] = []
    _collect(whole, 4, places)
    place = rng.choice([each for each in places if each])
    key = rng.choice([name for name in place if name not in ("jsonrpc", "id")] or ["result"])
    if rng.random() < 0.5:
        place.pop(key, None)
    else:
        place[key] = None


def _collect(value: Any, depth: int, places: list[dict[str, Any]]) -> None:
    if depth == 0:
        return
    if isinstance(value, dict):
        places.append(value)
        for each in value.values():
            _collect(each, depth - 1, places)
    elif isinstance(value, list):
        for each in value[:2]:
            _collect(each, depth - 1, places)
