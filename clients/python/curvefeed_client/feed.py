"""The connection: dialled again until it is closed, with every room resumed where it was."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from curvefeed_client.backoff import LOST, delay_after
from curvefeed_client.errors import FeedClosed, FeedError, RoomDenied
from curvefeed_client.room import Frame, Room, RoomStatus, Verdict
from curvefeed_client.subscription import Subscription

Token = str | None
GetToken = Callable[[], Token | Awaitable[Token]]

log = logging.getLogger("curvefeed_client")

_SUBPROTOCOL = Subprotocol("hub.v1")
_MAX_BYTES = 16 * 2**20
_WELCOME_WITHIN_S = 10.0
_STABLE_AFTER_S = 10.0
_RETRY_JOIN_S = 1.0
_REFUSED_TOKEN = 4401


class Feed:
    """One connection and its rooms. It dials inside `async with`, and never before.

    `token` is asked before every dial and before an old one expires: a ticket or an access token
    of docs/auth.md, None for anonymous.
    """

    def __init__(self, url: str, token: Token | GetToken = None) -> None:
        self.url = url
        self._token = token
        self._rooms: dict[str, tuple[Room, Subscription]] = {}
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._welcome: Frame = {}
        self._connected = asyncio.Event()
        self._goodbye: Frame = {}
        self._ids = 0
        self._auth_id = 0
        self._attempt = 0
        self._was_refused = False
        self._ended: FeedError | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="curvefeed_client")
        self._task.add_done_callback(self._stopped)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection; every iteration is done."""
        tasks = [*self._sending, *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._end(None)

    async def connected(self) -> None:
        """Wait for the hub's welcome. Raises FeedClosed if there will never be one."""
        await self._connected.wait()
        if self._ended is not None:
            raise self._ended

    @property
    def welcome(self) -> Frame:
        """What the hub said first, empty before: its cluster, epoch, limits."""
        return self._welcome

    def subscribe(
        self, room: str, *, candles: Iterable[str] = (), max_waiting: int = 10_000
    ) -> Subscription:
        """Be in a room: `global`, `token_<mint>`, `user_<wallet>`.

        `candles`: intervals, such as "1s", of which to get `candle_update` (a token's room). Raises
        ValueError where it is subscribed already: one iterator per room, share what it yields.
        """
        if room in self._rooms:
            raise ValueError(f"{room} is subscribed already: share what its iterator yields")
        joined = Room(room, tuple(candles))
        subscription = Subscription(joined, max_waiting, lambda: self._leave(room))
        subscription.on_behind(self._join)
        self._rooms[room] = (joined, subscription)
        if self._ended is not None:
            subscription.end(self._ended)
        elif self._connected.is_set():
            self._join(joined)
        return subscription

    def subscribe_to_token(self, mint: str, *, candles: Iterable[str] = ()) -> Subscription:
        """The room of one token."""
        return self.subscribe(f"token_{mint}", candles=candles)

    def subscribe_to_user(self, wallet: str) -> Subscription:
        """The room of one wallet: needs its token."""
        return self.subscribe(f"user_{wallet}")

    # --- the connection

    async def _run(self) -> None:
        while True:
            began = time.monotonic()
            code, reason = await self._converse()
            if time.monotonic() - began >= _STABLE_AFTER_S:
                self._attempt = 0
            self._lost()
            delay_s = self._delay_after(code)
            if delay_s is None:
                self._end(FeedClosed(code, self._goodbye.get("reason") or reason or "closed"))
                return
            self._attempt += 1
            log.info("connection lost (%s %s), again in %.1f s", code, reason, delay_s)
            await asyncio.sleep(delay_s)

    async def _converse(self) -> tuple[int, str]:
        """One connection from dial to end: its close code and reason."""
        self._goodbye = {}
        try:
            token = await self._ask_token()
        except Exception as error:  # whatever it is made of: the next dial asks again
            return LOST, f"no token: {error!r}"
        try:
            async with connect(
                self.url, subprotocols=[_SUBPROTOCOL], max_size=_MAX_BYTES, close_timeout=2
            ) as socket:
                await self._listen(socket, token)
        except ConnectionClosed as closed:
            end = closed.rcvd
            return (end.code, end.reason) if end is not None else (LOST, "the connection broke")
        except TimeoutError:
            return LOST, "the hub has gone silent"
        except (OSError, WebSocketException) as error:
            return LOST, f"cannot dial: {error}"
        return 1000, "closed"

    async def _listen(self, socket: ClientConnection, token: Token) -> None:
        silence_s = _WELCOME_WITHIN_S
        while True:
            async with asyncio.timeout(silence_s):
                text = await socket.recv()
            frame: Frame = json.loads(text)
            if frame["type"] == "welcome":
                silence_s = (frame["ping_interval_ms"] * 1.1 + frame["pong_timeout_ms"]) / 1000
                self._welcomed(socket, frame, token)
            else:
                self._take(frame)

    def _delay_after(self, code: int) -> float | None:
        if code == _REFUSED_TOKEN:
            is_first, self._was_refused = not self._was_refused, True
            return 0.0 if is_first else None
        if self._goodbye.get("reconnect") is False:
            return None
        return delay_after(code, self._attempt, random.random, self._goodbye.get("after_ms"))

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """A bug, ours or the hub's: iterating must not wait for ever."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._end(FeedError(f"the client failed: {error!r}"))

    def _lost(self) -> None:
        self._socket = None
        self._connected.clear()
        for room, _ in self._rooms.values():
            room.doubt(time.monotonic())

    def _end(self, error: FeedError | None) -> None:
        self._ended = error
        self._connected.set()
        for _, subscription in self._rooms.values():
            subscription.end(error)

    # --- frames

    def _welcomed(self, socket: ClientConnection, frame: Frame, token: Token) -> None:
        self._socket, self._welcome = socket, frame
        self._connected.set()
        if token is not None:
            self._send_token(token)
        for room, _ in self._rooms.values():
            if token is None or not room.is_private:
                self._join(room)

    def _take(self, frame: Frame) -> None:
        match frame["type"]:
            case "ping":
                self._send({"type": "pong"})
            case "goodbye":
                self._goodbye = frame
            case "auth_expiring":
                self._later(self._renew_token())
            case "authed":
                self._was_refused = False
                self._join_private()
            case "error":
                self._refused(frame)
            case _:
                self._take_in_room(frame)

    def _take_in_room(self, frame: Frame) -> None:
        room, subscription = self._rooms.get(frame.get("room", ""), (None, None))
        if room is None or subscription is None:
            return
        verdict = room.take(frame, self._welcome["epoch"], time.monotonic())
        if verdict is Verdict.JOIN:
            self._join(room)
        elif verdict is Verdict.DELIVER:
            subscription.deliver(frame)

    def _refused(self, frame: Frame) -> None:
        identifier = frame.get("id")
        if identifier is not None and identifier == self._auth_id:
            log.warning("token refused: %s", frame["message"])
            self._join_private()
            return
        if identifier is None:
            self._put_out(frame)
        for room, subscription in self._rooms.values():
            if not room.asked or room.asked != identifier:
                continue
            if frame.get("retryable"):
                wait_ms = frame.get("retry_after_ms")
                wait_s = _RETRY_JOIN_S if wait_ms is None else wait_ms / 1000
                self._later(self._join_after(room, wait_s))
            else:
                room.status = RoomStatus.DENIED
                subscription.end(RoomDenied(room.name, str(frame["code"]), frame["message"]))

    def _put_out(self, frame: Frame) -> None:
        """A room we were in was taken away, as the token has expired: a new one opens it again."""
        room, subscription = self._rooms.get(frame.get("room") or "", (None, None))
        if room is None or subscription is None:
            log.warning("the hub says %s: %s", frame["code"], frame["message"])
        elif frame["code"] == "token_expired":
            room.status = RoomStatus.STALE
            self._later(self._renew_token())
        else:
            room.status = RoomStatus.DENIED
            subscription.end(RoomDenied(room.name, str(frame["code"]), frame["message"]))

    # --- rooms and messages

    def _join(self, room: Room) -> None:
        if self._socket is not None:
            self._send(room.request(self._next_id()))

    def _join_private(self) -> None:
        for room, _ in self._rooms.values():
            if room.is_private:
                self._join(room)

    async def _join_after(self, room: Room, seconds: float) -> None:
        asked = room.asked
        await asyncio.sleep(seconds)
        if room.asked == asked and room.name in self._rooms:
            self._join(room)

    def _leave(self, name: str) -> None:
        if self._rooms.pop(name, None) is not None:
            self._send({"type": "unsubscribe", "room": name})

    async def _ask_token(self) -> Token:
        if not callable(self._token):
            return self._token
        answer = self._token()
        return await answer if inspect.isawaitable(answer) else answer

    async def _renew_token(self) -> None:
        token = await self._ask_token()
        if token is not None:
            self._send_token(token)

    def _send_token(self, token: str) -> None:
        self._auth_id = self._next_id()
        self._send({"type": "auth", "id": self._auth_id, "token": token})

    def _next_id(self) -> int:
        self._ids += 1
        return self._ids

    def _send(self, message: Frame) -> None:
        if self._socket is not None:
            self._later(self._say(self._socket, json.dumps(message)))

    async def _say(self, socket: ClientConnection, text: str) -> None:
        with contextlib.suppress(ConnectionClosed):  # the reader learns of it, and why
            await socket.send(text)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a token could not be had: %r", error)
