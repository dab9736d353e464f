"""One socket to a node's PubSub: a logsSubscribe per program, and slots as its heartbeat.

`mentions` takes exactly one key, so each program has a subscription of its own. Pings are sent
(proxies drop silent connections) but no pong is waited for: validators do not answer while they
stream. What tells a dead stream from a quiet one is that slots stop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from common.errors import NodeError, NodeRefused
from common.settings import Commitment
from programs.rpc_json import LogsNotification, parse_notification

_MAX_FRAME_BYTES = 64 * 2**20
"""Logs of one transaction are 10 kB where nodes cut them, and unbounded where they do not."""
_ANSWER_TIMEOUT_S = (2.0, 15.0)
"""Least and most; between them as long as the stream may be silent. An acknowledgement may be lost
while the stream of another one goes on."""
_CLOSE_TIMEOUT_S = 0.2
"""A node that hangs does not answer a goodbye either, and the next one must not wait for it."""
_SLOTS_ID = 0

_log = structlog.get_logger(__name__)


class SlotNotice(msgspec.Struct, frozen=True):
    """The node began to process this slot, on top of `parent` where it says so."""

    slot: int
    parent: int | None = None


class _Slot(msgspec.Struct):
    slot: int
    parent: int | None = None


class _SlotParams(msgspec.Struct):
    result: _Slot


class _Error(msgspec.Struct):
    code: int
    message: str = ""


class _Frame(msgspec.Struct):
    """Every frame that is no log notification."""

    method: str | None = None
    params: msgspec.Raw = msgspec.Raw()
    id: int | None = None
    error: _Error | None = None


_decode_frame = msgspec.json.Decoder(_Frame).decode
_decode_slot = msgspec.json.Decoder(_SlotParams).decode
_encode = msgspec.json.Encoder().encode


class Subscription:
    """All subscriptions of one socket, acknowledged. `next` gives what it sends, in order."""

    def __init__(self, socket: ClientConnection, stall_s: float) -> None:
        self._socket = socket
        self._stall_s = stall_s
        self._early: deque[LogsNotification | SlotNotice] = deque()
        self.has_heartbeat = True

    async def next(self) -> LogsNotification | SlotNotice:
        """The next notification. Raises NodeError when the socket is broken, garbled or silent."""
        if self._early:
            return self._early.popleft()
        while True:
            frame = await self._receive(self._stall_s if self.has_heartbeat else None)
            notice = _notice(frame)
            if isinstance(notice, LogsNotification | SlotNotice):
                return notice

    async def open(self, addresses: Sequence[str], commitment: Commitment) -> None:
        """Subscribe and wait for every acknowledgement; keeps what arrives meanwhile."""
        requests = {
            number: ("logsSubscribe", [{"mentions": [address]}, {"commitment": commitment}])
            for number, address in enumerate(addresses, _SLOTS_ID + 1)
        } | {_SLOTS_ID: ("slotSubscribe", [])}
        for number, (method, params) in requests.items():
            body = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            await self._socket.send(_encode(body), text=True)
        least, most = _ANSWER_TIMEOUT_S
        timeout_s = min(most, max(least, self._stall_s))
        try:
            async with asyncio.timeout(timeout_s):
                await self._acknowledged(set(requests))
        except TimeoutError:
            raise NodeError("the node leaves logsSubscribe unanswered", seconds=timeout_s) from None

    async def _acknowledged(self, waiting: set[int]) -> None:
        while waiting:
            notice = _notice(await self._receive(None))
            if isinstance(notice, LogsNotification | SlotNotice):
                self._early.append(notice)
            elif notice.id in waiting:
                waiting.discard(notice.id)
                self._check(notice)

    def _check(self, answer: _Frame) -> None:
        if answer.error is None:
            return
        fields: dict[str, Any] = {
            "code": answer.error.code,
            "reason": f'"{answer.error.message[:200]}"',
        }
        if answer.id == _SLOTS_ID:
            _log.warning("no_slot_notifications", **fields)
            self.has_heartbeat = False
        elif answer.error.code in (-32601, -32602):
            raise NodeRefused(
                "the node refuses logsSubscribe", hint="Use another endpoint", **fields
            )
        else:
            raise NodeError("the node failed logsSubscribe", **fields)

    async def _receive(self, timeout_s: float | None) -> bytes:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._socket.recv(decode=False)
        except TimeoutError:
            raise NodeError("the node's stream is silent", seconds=timeout_s) from None


def _notice(frame: bytes) -> LogsNotification | SlotNotice | _Frame:
    """Raises NodeError for a frame not understood: something was lost then, so reconnect."""
    logs = parse_notification(frame)
    if logs is not None:
        return logs
    try:
        other = _decode_frame(frame)
        if other.method == "slotNotification":
            told = _decode_slot(other.params).result
            return SlotNotice(told.slot, told.parent)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise NodeError("the node sent a broken frame", reason=type(error).__name__) from None
    if other.method == "logsNotification":
        raise NodeError("the node sent a log notification of an unknown shape")
    return other


@asynccontextmanager
async def subscribed(
    url: str, addresses: Sequence[str], commitment: Commitment, stall_s: float
) -> AsyncIterator[Subscription]:
    """A socket with every subscription acknowledged.

    Raises NodeError for what may pass (also from inside the context), NodeRefused for what won't.
    """
    try:
        async with connect(
            url,
            max_size=_MAX_FRAME_BYTES,
            ping_timeout=None,
            close_timeout=_CLOSE_TIMEOUT_S,
            compression=None,
        ) as socket:
            subscription = Subscription(socket, stall_s)
            await subscription.open(addresses, commitment)
            yield subscription
    except InvalidStatus as error:
        status = error.response.status_code
        if status in (401, 403, 404):
            raise NodeRefused(
                "the node refuses the socket", hint="Check SOLANA_WS_URL", status=status
            ) from None
        raise NodeError("the node refuses the socket", status=status) from None
    except (OSError, TimeoutError, WebSocketException) as error:
        reason = str(error) or type(error).__name__
        raise NodeError("the node's socket broke", reason=f'"{reason}"') from None
