"""The hub: follows the feed, keeps the rooms, hands every row to whom it concerns.

All of it runs in one thread of one event loop, and a batch of the feed is fanned out without a
pause: between two awaits every room stands exactly at `position`.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Collection, Coroutine, Iterable, Sequence
from contextlib import aclosing
from typing import Literal

import structlog

from api.services import register
from api.services.access import Arrival, Authorizer
from api.services.candles import Candles
from api.services.door import Door, batches_of
from api.services.feeding import Feed, Follower, PostgresFeed, Served, check_lag, parts
from api.services.greeting import welcome
from api.services.joining import Start, Starts, opening
from api.services.limits import HubLimits
from api.services.messages import Identifier, Pos
from api.services.outbound import Bounds, Frame, Outbound, encoded, send_to_all
from api.services.ports import Slow
from api.services.protocol import ROOM_GLOBAL, Refusal, rooms_of
from api.services.ring import Ring
from api.services.rooms import Group, Room, replayed
from api.services.session import Session
from api.services.snapshots import ReadSnapshot, Snapshots
from api.services.states import States
from api.services.subscription import Subscription
from common.errors import FeedGap
from common.metrics import HUB_FEED_LAG_SECONDS, HUB_SLOW
from common.tracing import span
from db.feed import OUTAGE, FeedRow, Missed, Position, recent
from db.pool import Pool
from db.states import StateFollower

log = structlog.get_logger()

_JOIN_WITHIN_S = 30.0
_RETRY_S = 0.2


class Hub:
    """One process's hub. `run` it as a task; it is open for connections while `is_ready`."""

    def __init__(
        self, pool: Pool, limits: HubLimits, authorizer: Authorizer, read_snapshot: ReadSnapshot,
        feed: Feed | None = None,
    ) -> None:  # fmt: skip
        self.limits = limits
        self.authorizer = authorizer
        self.door = Door(limits)
        self.name = f"hub-{secrets.token_hex(3)}"
        self.sessions: dict[Outbound, Session] = {}
        self.rooms: dict[bytes, Room] = {}
        self.is_localnet = False
        self.is_draining = False
        self.frames_sent: Counter[str] = Counter()
        self.slow: Counter[Slow] = Counter()
        self._pool = pool
        self._snapshots = Snapshots(read_snapshot)
        self._starts = Starts(pool, limits, self._snapshots)
        self._states = States()
        self._candles = Candles(pool)
        self._ring: Ring | None = None
        self._feed: Feed = feed or PostgresFeed(pool)
        self._served = Served(self._feed)
        self._follower: Follower | None = None
        self._loaded = asyncio.Event()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._figures = register.Figures()

    # --- what others ask

    @property
    def ring(self) -> Ring:
        """The newest rows. Only after the first load."""
        if self._ring is None:
            raise RuntimeError("the hub has not read the feed yet")
        return self._ring

    @property
    def epoch(self) -> str:
        """Of the feed it follows."""
        return self.ring.position.epoch

    @property
    def is_ready(self) -> bool:
        """Does it follow the feed, and take connections?"""
        return self._follower is not None and self._follower.is_live and not self.is_draining

    @property
    def is_open(self) -> bool:
        """May one more connection come? Also while Postgres is away: what is in memory serves."""
        has_room = len(self.sessions) < self.limits.max_connections
        return self._ring is not None and has_room and not self.is_draining

    @property
    def lag_s(self) -> float:
        """How long ago the hub last stood at the head of the feed."""
        return time.monotonic() - self._follower.reached_at if self._follower else 0.0

    def position(self, room: bytes) -> int | None:
        """Where a room with members stands."""
        found = self.rooms.get(room)
        return found.last if found is not None else None

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    async def loaded(self) -> None:
        """Returns once the feed has been read for the first time."""
        await self._loaded.wait()

    # --- connections come and go

    def open(self, outbound: Outbound, arrival: Arrival) -> Session:
        """A connection is accepted: greet it, or send it away if there are too many like it."""
        session = Session(self, outbound, f"c_{secrets.token_hex(5)}", secrets.randbelow(100) / 100)
        session.credential.origin = arrival.origin
        session.address = arrival.address
        self.sessions[outbound] = session
        register.came(session)
        is_one_too_many = not self.door.enter(arrival.address) or not arrival.is_welcome
        has_identity = arrival.identity is not None and not is_one_too_many
        session.say(welcome(self, session.id, arrival.identity if has_identity else None))
        if is_one_too_many:
            session.end(4443)
        elif arrival.identity is not None:
            session.on_identity(arrival.identity, None)
        return session

    def outbound(self) -> Outbound:
        """A queue for a new connection."""
        limits = self.limits
        return Outbound(
            Bounds(limits.queue_soft_bytes, limits.queue_hard_bytes, limits.queue_age_s)
        )

    def ended(self, session: Session, code: str, after_s: float) -> None:
        """A connection is over."""
        if self.sessions.pop(session.outbound, None) is not None:
            self.door.leave(session.address, session.wallet)
            register.gone(session, code, after_s)

    def note_slow(self, what: Slow) -> None:
        """Something was done about a client that reads too slowly."""
        self.slow[what] += 1
        HUB_SLOW.labels(what).inc()

    def authenticate(self, session: Session, token: str, identifier: Identifier | None) -> None:
        """Look at a credential in the background."""
        self._spawn(self._authenticate(session, token, identifier))

    async def _authenticate(
        self, session: Session, token: str, identifier: Identifier | None
    ) -> None:
        try:
            # Nothing pauses between the check and the session's having it: see end_revoked.
            identity = await self.authorizer.identify(token, session.credential.origin)
            session.on_identity(identity, identifier)
        except Refusal as refusal:
            refusal.id = identifier
            session.refuse(refusal)
        finally:
            session.on_settled()

    def end_revoked(self) -> None:
        """Somebody has signed out: close what was open in his name."""
        for session in list(self.sessions.values()):
            if session.credential.is_revoked:
                session.end(4442)

    # --- rooms

    def join(self, session: Session, subscription: Subscription) -> None:
        """Bring the connection into the room."""
        self._spawn(self._join(session, subscription))

    def leave(self, session: Session, subscription: Subscription) -> None:
        """Take it out; an empty room is forgotten."""
        key = subscription.name.key
        room = self.rooms.get(key)
        self._candles.leave(session.outbound, subscription)
        if not subscription.is_live or room is None:
            return
        if room.leave(session.outbound, subscription.events):
            del self.rooms[key]

    async def _join(self, session: Session, subscription: Subscription) -> None:
        key = subscription.name.key
        deadline = self.now() + _JOIN_WITHIN_S
        self._served.serve(subscription.name, self.now())
        while session.rooms.get(key) is subscription:
            try:
                start = await self._starts.find(subscription, self.ring, self.position(key))
                is_near = await self._reached(start.top)
            except OUTAGE as error:
                log.warning("join_delayed", room=subscription.name.name, error=repr(error))
                is_near = False
            else:
                rest = self.ring.after(key, start.top.seq) if is_near else None
                if rest is not None:
                    if session.rooms.get(key) is subscription:
                        self._enter(session, subscription, start, rest)
                    return
            if self.now() > deadline:
                session.give_up(subscription)
                return
            await asyncio.sleep(_RETRY_S)

    async def _reached(self, top: Position) -> bool:
        """Wait until everything up to `top` is fanned out; False if that epoch isn't followed."""
        if self.epoch != top.epoch:
            return False
        if self.ring.position.seq < top.seq:
            reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((top.seq, reached))
            try:
                await asyncio.wait_for(reached, self.limits.lag_s)
            except TimeoutError:
                return False
        return self.epoch == top.epoch

    def _enter(
        self, session: Session, subscription: Subscription, start: Start, rest: list[FeedRow]
    ) -> None:
        """Everything the connection is told before the room is live, and the room, at one
        stroke.
        """
        name, events = subscription.name, subscription.events
        frames, count, last = replayed(name, [*start.rows, *rest], start.base, events)
        room = self.rooms.get(name.key)
        if room is None:
            room = self.rooms[name.key] = Room(name, last, self.now())
        room.enter(session.outbound, events)
        subscription.is_live = True
        self._candles.enter(session.outbound, subscription, [*start.rows, *rest])
        first = opening(subscription, start, count, self.epoch)
        snapshot = [start.snapshot] if start.snapshot is not None else []
        states = self._states.current(name, events, self.ring.position.seq)
        session.send([*first, *snapshot, *frames, *states])

    # --- the feed

    async def run(self) -> None:
        """Follow the feed and keep time, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._follow_states())
            tasks.create_task(self._follow_candles())
            tasks.create_task(self._keep_time())

    async def _follow(self) -> None:
        reason: Literal["gap", "epoch"] = "gap"
        while True:
            try:
                self._load(await recent(self._pool, self.limits.ring_rows, self.limits.replay_s))
                self._resync_all(reason)
                self._follower = self._feed.follow(self.ring.position)
                async with aclosing(self._follower.batches()) as batches:
                    async for rows in batches:
                        check_lag(self._follower, rows, self.limits)
                        for part in parts(rows):
                            self.fan_out(part)
                            await asyncio.sleep(0)  # sockets take it before the next part comes
            except FeedGap as gap:
                log.warning("feed_gap", **gap.fields)
                reason = "epoch" if gap.fields.get("reason") == "epoch" else "gap"
                await asyncio.sleep(_RETRY_S)
            except OUTAGE as error:
                log.warning("feed_unavailable", error=repr(error))
                await asyncio.sleep(1)

    async def _follow_states(self) -> None:
        await self._loaded.wait()
        async for new in StateFollower(self._pool).changes():
            room, seq = self.rooms.get(ROOM_GLOBAL), self.ring.position.seq
            self._send(self._states.hear(new, room, seq), self.now())

    async def _follow_candles(self) -> None:
        while True:
            self._send_parts(await self._candles.next(), self.now())

    def _load(self, found: Missed) -> None:
        start = Position(found.top.epoch, found.top.seq - len(found.rows))
        ring = Ring(
            start, found.base, max_rows=self.limits.ring_rows, max_bytes=self.limits.ring_bytes
        )
        for row in found.rows:
            ring.append(row)
        self._ring = ring
        self._snapshots.forget()
        self._loaded.set()

    def _resync_all(self, reason: Literal["gap", "epoch"]) -> None:
        self.rooms.clear()
        for session in list(self.sessions.values()):
            for subscription in list(session.rooms.values()):
                if subscription.is_live:
                    session.resync(subscription, reason)

    def fan_out(self, rows: list[FeedRow]) -> None:
        """Everything in `rows` to everybody it concerns, in one go."""
        with span("fan_out", rows=len(rows), seq=rows[-1].seq):
            self._fan_out(rows)

    def _fan_out(self, rows: list[FeedRow]) -> None:
        now = self.now()
        touched: dict[Group, None] = {}
        for row in rows:
            rooms = [room for key in rooms_of(row) if (room := self.rooms.get(key)) is not None]
            if rooms and not row.is_whole:  # somebody came between its arrival and now
                raise FeedGap("a row came without its contents", reason="gap", got=row.seq)
            self.ring.append(row, {room.name.key: room.last for room in rooms})
            for room in rooms:
                room.active_at = now
                touched.update(dict.fromkeys(room.add(row)))
        self._send(touched, now)
        self._candles.hear(rows, self.ring)
        HUB_FEED_LAG_SECONDS.observe(max(0.0, time.time() - rows[0].ts / 1000))
        self._wake_waiting()

    def _send(self, groups: Iterable[Group], now: float) -> None:
        self._send_parts([(group.members, new) for group in groups if (new := group.take())], now)

    def _send_parts(
        self, parts: Sequence[tuple[Collection[Outbound], list[Frame]]], now: float
    ) -> None:
        for members, frames in parts:
            for frame in frames:
                self.frames_sent[frame.event] += len(members)
        for outbound in send_to_all(parts, now):
            session = self.sessions.get(outbound)
            if session is not None:
                session.keep_up(now)

    def _wake_waiting(self) -> None:
        if not self._waiting:
            return
        seq = self.ring.position.seq
        for at, reached in self._waiting:
            if at <= seq and not reached.done():
                reached.set_result(None)
        self._waiting = [(at, reached) for at, reached in self._waiting if not reached.done()]

    # --- time passes

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = self.now()
            for session in list(self.sessions.values()):
                session.tick(now)
            self._tell_positions(now)
            self._snapshots.sweep()
            self._served.sweep(self.rooms, now)
            self._figures.tell(self)

    def _tell_positions(self, now: float) -> None:
        for room in list(self.rooms.values()):
            if now - room.active_at < self.limits.idle_pos_s:
                continue
            room.active_at = now
            pos = encoded(Pos(room=room.name.name, epoch=self.epoch, seq=room.last))
            for outbound in [member for group in room.groups.values() for member in group.members]:
                self.sessions[outbound].send([pos])

    # --- the end

    async def drain(self, within_s: float | None = None) -> None:
        """Take no more connections, and send those there are away in batches, within that time."""
        self.is_draining = True
        within_s = self.limits.drain_s if within_s is None else within_s
        batches = batches_of(list(self.sessions.values()), within_s)
        for number, batch in enumerate(batches):
            if number:
                await asyncio.sleep(within_s / len(batches))
            for session in batch:
                session.end(4441)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
