"""`python -m chaos.crowd`: many resuming clients in one process, so that they take no time from the
chain. It reads orders, a line of JSON each, and answers with one.

What a callback got is kept as numbers: the event's seq and a digest of what it says. Half an hour
of 500 clients is millions of events.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from array import array
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from chaos.readings import KINDS
from chaos.subscriber import Hole, Subscriber
from chaos.truth import Fact

_DRAIN_S = 1.0
_SILENCE_S = 15.0
"""Of a busy machine with so many clients."""
_POLL_S = 0.1


class Join(msgspec.Struct, frozen=True, tag=True):
    """Join these rooms, one client each, spread over the hubs; answered when all stand."""

    urls: list[str]
    rooms: list[str]
    seed: int
    drops_per_s: float
    away_s: float


class Move(msgspec.Struct, frozen=True, tag=True):
    """As many clients of token rooms, the oldest first, end; others begin in these rooms."""

    rooms: list[str]


class Finish(msgspec.Struct, frozen=True, tag=True):
    """Lose no more connections, wait until each room's last event came, write all to `file`."""

    last: dict[str, int]
    timeout_s: float
    file: str


class Told(msgspec.Struct, frozen=True):
    """The answer: how many clients stand, and what they had so far."""

    clients: int
    events: int
    connects: int


class Heard(msgspec.Struct, kw_only=True):
    """All that one client's callback got, in order. `retracts`: of a `retracted`, which seq; else
    0. `is_over`: it left its room before the end, after its last event.
    """

    room: str
    seqs: bytes
    digests: bytes
    retracts: bytes
    holes: list[Hole]
    gaps: int
    repeats: int
    connects: int
    is_over: bool


def digest(fact: Fact) -> int:
    """64 bits that stand for everything a fact says; never 0. The lowest one: it is a trade."""
    text = "|".join(map(str, fact))
    number = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") | 3
    return number if fact.kind == "trade" else number - 1


class _Data(msgspec.Struct, frozen=True):
    program: str = ""
    signature: str = ""
    slot: int = 0
    mint: str = ""
    ordinal: int = 0
    wallet: str | None = None
    side: str = ""
    base_amount: str = "0"
    quote_amount: str = "0"
    seq: int = 0


_data = msgspec.json.Decoder(_Data)


def fact_of(kind: str, data: bytes) -> Fact | int:
    """What an event says: a fact, or the seq of the event that it takes back."""
    told = _data.decode(data)
    if kind == "retracted":
        return told.seq
    named = KINDS[kind]
    if named != "trade":
        return Fact(named, told.signature, told.slot, told.mint)
    return Fact(
        named, told.signature, told.slot, told.mint, told.ordinal, told.wallet or "", told.side,
        int(told.base_amount), int(told.quote_amount),
    )  # fmt: skip


class _Member:
    """A client, its task, and what its callback got."""

    def __init__(self, urls: list[str], room: str, number: int) -> None:
        self.client = Subscriber(urls, room, number, silence_s=_SILENCE_S)
        self.task = asyncio.create_task(self.client.run())
        self._seqs, self._digests, self._retracts = array("q"), array("Q"), array("q")

    def drain(self) -> None:
        """Take what came since."""
        events, self.client.events = self.client.events, []
        for event in events:
            fact = fact_of(event.type, event.data)
            self._seqs.append(event.seq)
            self._digests.append(0 if isinstance(fact, int) else digest(fact))
            self._retracts.append(fact if isinstance(fact, int) else 0)

    def __len__(self) -> int:
        return len(self._seqs)

    def heard(self, *, is_over: bool) -> Heard:
        """All of it."""
        self.drain()
        client = self.client
        return Heard(
            room=client.room, seqs=self._seqs.tobytes(), digests=self._digests.tobytes(),
            retracts=self._retracts.tobytes(), holes=client.holes, gaps=client.gaps,
            repeats=client.repeats, connects=client.connects, is_over=is_over,
        )  # fmt: skip


class _Crowd:
    """All of them."""

    def __init__(self, order: Join) -> None:
        self._order = order
        self._chance = random.Random(order.seed)  # noqa: S311 - who is next is no secret
        self._members = [
            _Member(order.urls, room, number) for number, room in enumerate(order.rooms)
        ]
        self._left: list[Heard] = []
        self._away = set[asyncio.Task[None]]()
        self._works = [asyncio.create_task(self._drain()), asyncio.create_task(self._drop())]

    async def joined(self) -> Told:
        """When every client stands."""
        while any(member.client.position is None for member in self._members):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        return self.told()

    def told(self) -> Told:
        """How it goes."""
        return Told(
            clients=len(self._members),
            events=sum(map(len, self._members)) + sum(len(one.seqs) for one in self._left) // 8,
            connects=sum(member.client.connects for member in self._members),
        )

    async def move(self, rooms: list[str]) -> Told:
        """Clients of tokens that nobody trades any more would hear nothing."""
        old = [one for one in self._members if one.client.room.startswith("token_")][: len(rooms)]
        for member, room in zip(old, rooms, strict=False):
            self._members.remove(member)
            await _ended(member.task)
            self._left.append(member.heard(is_over=True))
            self._members.append(_Member(self._order.urls, room, len(self._left)))
        return self.told()

    async def finish(self, order: Finish) -> Told:
        """Everything has come, or the time is over; the verdict is another's."""
        await _ended(self._works.pop())
        deadline = time.monotonic() + order.timeout_s
        while time.monotonic() < deadline and not self._has(order.last):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        for task in (*self._works, *(member.task for member in self._members)):
            await _ended(task)
        heard = self._left + [member.heard(is_over=False) for member in self._members]
        Path(order.file).write_bytes(msgspec.msgpack.encode(heard))  # noqa: ASYNC240 - the end
        return self.told()

    def _has(self, last: dict[str, int]) -> bool:
        """Does every client have its room's last event?"""
        return all(
            (member.client.position or 0) >= last.get(member.client.room, 0)
            for member in self._members
        )

    async def _drain(self) -> None:
        while True:
            await asyncio.sleep(_DRAIN_S)
            for member in self._members:
                member.drain()

    async def _drop(self) -> None:
        """One after the other loses its connection and is away for a while."""
        while self._order.drops_per_s:
            await asyncio.sleep(1 / self._order.drops_per_s)
            member = self._chance.choice(self._members)
            away = asyncio.create_task(member.client.drop(self._order.away_s))
            self._away.add(away)
            away.add_done_callback(self._away.discard)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


_orders: msgspec.json.Decoder[Join | Move | Finish] = msgspec.json.Decoder(Join | Move | Finish)


async def _serve() -> None:
    """Orders until there are none."""
    reader = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    crowd: _Crowd | None = None
    while line := await reader.readline():
        answer = await _obeyed(_orders.decode(line), crowd)
        crowd = answer[0]
        sys.stdout.buffer.write(msgspec.json.encode(answer[1]) + b"\n")
        sys.stdout.buffer.flush()


async def _obeyed(order: Join | Move | Finish, crowd: _Crowd | None) -> tuple[_Crowd, Told]:
    if isinstance(order, Join):
        crowd = _Crowd(order)
        return crowd, await crowd.joined()
    if crowd is None:
        raise RuntimeError("nobody has joined yet")
    told = await (crowd.move(order.rooms) if isinstance(order, Move) else crowd.finish(order))
    return crowd, told


class CrowdProcess:
    """The process and its orders."""

    def __init__(self, log: Path, env: dict[str, str]) -> None:
        self._log, self._env = log, env
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "chaos.crowd", env=self._env, cwd=Path(__file__).parents[1],
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Of the process. Raises RuntimeError if it was not started."""
        if self._process is None:
            raise RuntimeError("not started yet")
        return self._process.pid

    async def order(self, order: Join | Move | Finish) -> Told:
        """Say it and wait for the answer. Raises RuntimeError if there is none."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("not started yet")
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        answer = await process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the clients' process has ended, see {self._log}")
        return msgspec.json.decode(answer, type=Told)

    async def end(self) -> None:
        """Over."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


def read_heard(file: Path) -> list[Heard]:
    """What `Finish` wrote."""
    heard: list[Any] = msgspec.msgpack.decode(file.read_bytes(), type=list[Heard])
    return heard


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve())
