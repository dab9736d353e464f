"""What goes out: frames encoded once for everybody, and each connection's bounded queue.

A connection whose socket takes what it is given has no queue at all: the bytes of a room's frames
of one tick are joined once and handed to every such socket. Only a connection whose socket is full
collects frames: log events in order, of every state the newest alone.
"""

from __future__ import annotations

import itertools
import operator
import os
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

import msgspec

from api.services.messages import ServerMessage
from api.wire.deflate import deflated
from api.wire.rfc6455 import RSV1, TEXT, frame
from common.metrics import HUB_CONFLATED

StateKey = tuple[bytes, str, bytes | None]
"""(room, event, mint or what else tells apart): a newer state of one key replaces the older."""


class Frame:
    """One message: `payload` is its JSON, `wire` the same as a whole WebSocket frame."""

    __slots__ = ("_packed", "_text", "event", "payload", "room", "seq", "state", "wire")

    def __init__(
        self,
        event: str,
        payload: bytes,
        *,
        room: bytes | None = None,
        seq: int = 0,
        state: StateKey | None = None,
    ) -> None:
        self.event = event
        self.payload = payload
        self.wire = frame(TEXT, payload)
        self.room = room
        """None: it belongs to the connection (an answer, a ping) and is never dropped."""
        self.seq = seq
        self.state = state
        self._text: str | None = None
        self._packed: bytes | None = None

    @property
    def packed(self) -> bytes:
        """`wire` for those that take compressed messages, made once."""
        if self._packed is None:
            packed = deflated(self.payload)
            self._packed = self.wire if packed is None else frame(TEXT | RSV1, packed)
        return self._packed

    @property
    def text(self) -> str:
        """`payload` as str, made once."""
        if self._text is None:
            self._text = self.payload.decode()
        return self._text


def encoded(message: ServerMessage, *, room: bytes | None = None) -> Frame:
    """A frame of one of the hub's own messages."""
    return Frame(type(message).__name__.lower(), msgspec.json.encode(message), room=room)


def joined(frames: list[Frame], *, is_packed: bool = False) -> bytes:
    """Frames as they go over the wire, one behind the other."""
    if is_packed:
        return b"".join([each.packed for each in frames])
    return frames[0].wire if len(frames) == 1 else b"".join([each.wire for each in frames])


class Wire(Protocol):
    """A connection's socket, as the queue sees it."""

    def wake(self) -> None:
        """Frames are waiting: take them as soon as the socket can."""

    def is_stalled(self, now: float, limit_s: float) -> bool:
        """Has the peer taken nothing for `limit_s`, though something waits?"""

    def is_free(self) -> bool:
        """Would it take a frame at once?"""

    def ping(self) -> None:
        """A ping of the WebSocket protocol, which browsers answer by themselves."""

    def close(self, code: int, reason: str, last: list[Frame]) -> None:
        """Send `last` if that is possible, then the close frame; abort if the peer doesn't
        follow.
        """


class Bounds(msgspec.Struct, frozen=True):
    """Of one connection's queue."""

    soft_bytes: int
    hard_bytes: int
    age_s: float


class Outbound:
    """One connection's way out.

    `is_clear`: nothing waits, neither here nor in the transport, so that bytes may go through
    `write` (the transport's) or straight into the socket `fd`, which is -1 otherwise. The wire
    tells: `connect`, `pause`, `resume`; and it `take`s queued frames when it can go on.
    """

    __slots__ = (
        "_bounds",
        "_log",
        "_socket",
        "_states",
        "behind_since",
        "fd",
        "is_clear",
        "is_packed",
        "queued_bytes",
        "wire",
        "write",
    )

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._log: deque[Frame] | None = None
        self._states: dict[StateKey, Frame] | None = None
        self.queued_bytes = 0
        self.behind_since: float | None = None
        self.is_clear = False
        self.is_packed = False
        """It takes compressed messages. What waits is counted uncompressed all the same."""
        self.fd = self._socket = -1
        self.write: Callable[[bytes], object] = _nowhere
        self.wire: Wire | None = None

    def connect(self, wire: Wire, write: Callable[[bytes], object], socket: int) -> None:
        """From now on bytes may go out, by the transport's `write` or into the socket."""
        self.wire, self.write, self._socket = wire, write, socket
        self.resume()

    def pause(self) -> None:
        """The socket is full, or of no use any more: frames collect here."""
        self.is_clear, self.fd = False, -1

    def resume(self) -> None:
        """It takes bytes again."""
        self.is_clear, self.fd = True, self._socket

    def send(self, message: Frame, now: float) -> None:
        """One frame."""
        if self.is_clear:
            self.write(message.packed if self.is_packed else message.wire)
        else:
            self.enqueue((message,), now)

    def send_all(self, frames: list[Frame], now: float) -> None:
        """Several frames, in one write where that is possible."""
        if self.is_clear and frames:
            self.write(joined(frames, is_packed=self.is_packed))
        elif frames:
            self.enqueue(frames, now)

    def unsent(self, frames: list[Frame], done: int, now: float) -> None:
        """The socket took only `done` bytes of `frames`: the frame it is in goes through the
        transport, which tells when the socket takes bytes again, and the rest waits here."""
        for number, each in enumerate(frames, 1):
            wire = each.packed if self.is_packed else each.wire
            if done < len(wire):
                self.write(wire[done:])
                self.send_all(frames[number:], now)
                return
            done -= len(wire)

    def enqueue(self, frames: Iterable[Frame], now: float) -> None:
        """Queue frames for a socket that is full; see `is_over` and `is_beyond`."""
        if self._log is None or self._states is None:
            self._log, self._states = deque(), {}
        if self.behind_since is None:
            self.behind_since = now
        for each in frames:
            if each.state is None:
                self._log.append(each)
            else:
                # Taken out first, so that the newest stands at the end.
                older = self._states.pop(each.state, None)
                self._states[each.state] = each
                if older is not None:
                    self.queued_bytes -= len(older.wire)
                    HUB_CONFLATED.inc()
            self.queued_bytes += len(each.wire)
        if self.wire is not None:
            self.wire.wake()

    def take(self, max_bytes: int) -> list[Frame]:
        """The next frames, about `max_bytes` of them: log events first, then the states."""
        taken: list[Frame] = []
        size = 0
        while self._log and size < max_bytes:
            taken.append(self._log.popleft())
            size += len(taken[-1].wire)
        while self._states and not self._log and size < max_bytes:
            key = next(iter(self._states))
            taken.append(self._states.pop(key))
            size += len(taken[-1].wire)
        self.queued_bytes -= size
        if not self._log and not self._states:
            self._log = self._states = None
            self.behind_since = None
        return taken

    @property
    def is_beyond(self) -> bool:
        """Is the hard bound passed? Such a connection must end."""
        return self.queued_bytes > self._bounds.hard_bytes

    def is_over(self, now: float) -> bool:
        """Is the soft bound passed, in bytes or in age?"""
        if self.behind_since is None:
            return False
        is_old = now - self.behind_since > self._bounds.age_s
        return is_old or self.queued_bytes > self._bounds.soft_bytes or self.is_beyond

    def shed(self, now: float) -> list[tuple[bytes, int]]:
        """Drop all frames of the room that takes most, and of more rooms until the soft bound
        holds.

        Returns the rooms, each with its first dropped log seq (0: only states). The age counts
        anew.
        """
        sizes: dict[bytes, int] = {}
        for each in (*(self._log or ()), *(self._states or {}).values()):
            if each.room is not None:
                sizes[each.room] = sizes.get(each.room, 0) + len(each.wire)
        dropped: list[tuple[bytes, int]] = []
        for room in sorted(sizes, key=sizes.__getitem__, reverse=True):
            dropped.append((room, self.drop(room)))
            if self.queued_bytes <= self._bounds.soft_bytes:
                break
        self.behind_since = now if self.queued_bytes else None
        return dropped

    def drop(self, room: bytes) -> int:
        """Forget the room's queued frames; returns the first dropped log event's seq, or 0."""
        first = 0
        kept: deque[Frame] = deque()
        for each in self._log or ():
            if each.room == room:
                first = first or each.seq
                self.queued_bytes -= len(each.wire)
            else:
                kept.append(each)
        self._log = kept
        states = self._states or {}
        for key in [key for key in states if key[0] == room]:
            self.queued_bytes -= len(states.pop(key).wire)
        self._states = states
        return first

    def clear(self) -> None:
        """Forget everything: the connection ends."""
        self._log = self._states = None
        self.queued_bytes = 0
        self.behind_since = None
        self._socket = -1
        self.pause()
        self.write = _nowhere


_fd = operator.attrgetter("fd")
_is_packed = operator.attrgetter("is_packed")

Parts = Iterable[tuple[Collection[Outbound], list[Frame]]]
"""Receivers, and what they all get."""


def send_to_all(parts: Parts, now: float) -> list[Outbound]:
    """Frames to their receivers; who is in several parts gets all of it in one write. Returns whose
    queue has grown too long."""
    behind: list[Outbound] = []
    for receivers, frames in _merged(parts):
        _send(receivers, frames, now, behind)
    return behind


def _send(
    receivers: Collection[Outbound], frames: list[Frame], now: float, behind: list[Outbound]
) -> None:
    if any(map(_is_packed, receivers)):
        packed = [each for each in receivers if each.is_packed]
        _write(packed, frames, joined(frames, is_packed=True), now, behind)
        receivers = [each for each in receivers if not each.is_packed]
    _write(receivers, frames, joined(frames), now, behind)


def _write(
    receivers: Collection[Outbound], frames: list[Frame], data: bytes, now: float,
    behind: list[Outbound],
) -> None:  # fmt: skip
    """The hottest loop of the hub: next to the kernel's work nothing else may happen, so it is one
    of `map`, in C. Bytes go straight into the sockets; a socket that takes none of them raises, and
    so does one that isn't clear (its `fd` is -1): both count as 0, and are looked at afterwards.

    Receivers should come in the order in which they connected, because in that order the kernel's
    memory for their sockets lies.
    """
    sizes: list[int] = []
    writes = map(os.write, map(_fd, receivers), itertools.repeat(data))
    while True:
        try:
            sizes.extend(writes)  # what came before an error stays in the list
            break
        except OSError:  # full, or broken: the transport finds out which
            sizes.append(0)
    if sizes.count(len(data)) == len(sizes):
        return
    for each, done in zip(receivers, sizes, strict=True):
        if each.is_clear:
            if done != len(data):
                each.unsent(frames, done, now)
        else:
            each.enqueue(frames, now)
            if each.is_over(now):
                behind.append(each)


class _Parcel:
    """All that some receivers get; `receivers` are known at the end."""

    __slots__ = ("frames", "receivers")

    def __init__(self, frames: list[Frame]) -> None:
        self.frames = frames
        self.receivers: list[Outbound] = []


def _merged(parts: Parts) -> Parts:
    """The same with every receiver in one part only. Costs two look-ups per part and receiver, and
    saves a system call, ten times as dear, for each part but a receiver's first."""
    parts = list(parts)
    if len(parts) < 2:
        return parts
    held: dict[Outbound, _Parcel] = {}
    for receivers, frames in parts:
        first = _Parcel(frames)
        longer: dict[_Parcel, _Parcel] = {}
        for each in receivers:
            before = held.get(each)
            if before is None:
                held[each] = first
                continue
            parcel = longer.get(before)
            if parcel is None:
                parcel = longer[before] = _Parcel([*before.frames, *frames])
            held[each] = parcel
    parcels: dict[_Parcel, None] = {}
    for each, parcel in held.items():
        if not parcel.receivers:
            parcels[parcel] = None
        parcel.receivers.append(each)
    return [(parcel.receivers, parcel.frames) for parcel in parcels]


def _nowhere(_: bytes) -> None:
    """Where the frames of a connection go that isn't there (any more)."""
