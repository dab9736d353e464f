"""Frames straight into the sockets: nothing lost, doubled or overtaken where a socket is full."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

from api.services.outbound import Bounds, Frame, Outbound, send_to_all
from api.wire.adopted import AdoptedConnection

GENEROUS = Bounds(10**9, 10**9, 60)
ROOMS = [b"a", b"b", b"c"]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs on one of the two loops."""
    runner: Callable[[Coroutine[Any, Any, None]], None] = request.param
    return runner


async def adopted(server_side: socket.socket) -> Outbound:
    """A connection of the hub on this socket."""
    outbound = Outbound(GENEROUS)
    connection = AdoptedConnection(outbound, max_bytes=1_024, close_s=1)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_accepted_socket(lambda: connection, server_side)
    connection.take_over(transport, set())
    connection.attach(_Nobody())
    return outbound


class _Nobody:
    """Hears nothing: the clients here say nothing."""

    is_over = False

    def on_alive(self) -> None: ...
    def on_text(self, text: str) -> None: ...
    def on_binary(self) -> None: ...
    def on_control(self) -> bool:
        return False

    def on_lost(self) -> None: ...
    def end(self, code: int) -> None: ...


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a connection that soon is full."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    for each in (ours, theirs):
        each.setblocking(False)
    return ours, theirs


def log(seq: int, room: bytes, size: int) -> Frame:
    """A log event whose payload says which it is."""
    return Frame("new_trade", f"L{seq}:".encode() + b"." * size, room=room, seq=seq)


def state(seq: int, room: bytes, size: int) -> Frame:
    """A state event of one of two tokens."""
    mint = bytes([seq % 2])
    payload = f"S{seq}:".encode() + b"." * size
    return Frame("price_update", payload, room=room, seq=seq, state=(room, "price_update", mint))


def payloads(data: bytes) -> Iterator[bytes]:
    """Of whole server frames."""
    at = 0
    while at < len(data):
        assert data[at] == 0x81
        size, header = data[at + 1], 2
        if size == 126:
            size, header = int.from_bytes(data[at + 2 : at + 4], "big"), 4
        assert at + header + size <= len(data)
        yield data[at + header : at + header + size]
        at += header + size


async def everything(outbound: Outbound, theirs: socket.socket) -> bytes:
    """What the client reads until nothing is left for it, neither here nor in the kernel."""
    loop = asyncio.get_running_loop()
    data = b""
    async with asyncio.timeout(20):
        while not outbound.is_clear:
            data += await loop.sock_recv(theirs, 65_536)
    with contextlib.suppress(BlockingIOError):
        while True:
            data += theirs.recv(65_536)
    return data


async def flood(seed: int) -> None:
    """Ticks of many sizes to a client that reads only now and then, then all it has to read."""
    chance = random.Random(seed)
    ours, theirs = pair()
    with theirs:
        outbound = await adopted(ours)
        sent, data = list[Frame](), b""
        for tick in range(60):
            parts = []
            for room in chance.sample(ROOMS, chance.randint(1, 3)):
                make = chance.choice([log, log, state])
                sizes = [chance.choice([1, 90, 700, 9_000]) for _ in range(chance.randint(1, 5))]
                first = len(sent)
                frames = [make(first + n, room, size) for n, size in enumerate(sizes)]
                sent += frames
                parts.append(([outbound], frames))
            assert send_to_all(parts, now=float(tick)) == []
            if chance.random() < 0.3:
                data += await asyncio.get_running_loop().sock_recv(theirs, 20_000)
        last = log(len(sent), b"a", 1)
        assert send_to_all([([outbound], [last])], now=59.0) == []
        data += await everything(outbound, theirs)
        check([*sent, last], list(payloads(data)))
        assert outbound.wire is not None
        outbound.wire.close(1000, "", [])
    await asyncio.sleep(0)


def check(sent: list[Frame], got: list[bytes]) -> None:
    """Every log event once and in order; of states only some, but the newest of each at the end."""
    logs = [each.payload for each in sent if each.state is None]
    assert [payload for payload in got if payload.startswith(b"L")] == logs
    seen = {payload: number for number, payload in enumerate(got)}
    assert len(seen) == len(got)
    newest = {each.state: each for each in sent if each.state is not None}
    for key, frame in newest.items():
        older = [each for each in sent if each.state == key and each.payload in seen]
        assert frame.payload in seen
        assert [seen[each.payload] for each in older] == sorted(seen[e.payload] for e in older)


@pytest.mark.parametrize("seed", range(5))
def test_a_full_socket_loses_nothing(
    run: Callable[[Coroutine[Any, Any, None]], None], seed: int
) -> None:
    """Whatever the socket takes at a time, the client gets every log event once and in order, whole
    frames, and of every state the newest."""
    run(flood(seed))


def test_several_rooms_come_in_one_write(
    run: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    """What several rooms have for a connection in one tick is one read at its other end, in the
    rooms' order; who is in one of them gets that one's alone."""

    async def work() -> None:
        first, second = socket.socketpair(), socket.socketpair()
        for each in (*first, *second):
            each.setblocking(False)
        with first[1], second[1]:
            both, one = await adopted(first[0]), await adopted(second[0])
            a, b = log(1, b"a", 5), log(2, b"b", 5)
            assert send_to_all([([both, one], [a]), ([both], [b])], now=0.0) == []
            assert first[1].recv(1_000) == a.wire + b.wire
            assert second[1].recv(1_000) == a.wire
            for outbound in (both, one):
                assert outbound.wire is not None
                outbound.wire.close(1000, "", [])
        await asyncio.sleep(0)

    run(work())


def test_who_cannot_take_it_holds_nobody_up(
    run: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    """Everybody gets everything, once and in order, also where sockets before, behind and between
    are full or gone."""

    async def work() -> None:
        pairs = [pair() for _ in range(7)]
        outbounds = [await adopted(ours) for ours, _ in pairs]
        full, gone = {0, 3, 6}, {2, 4}
        for number in gone:
            pairs[number][1].close()
        long, *ticks = [log(0, b"a", 40_000), log(1, b"a", 9), log(2, b"a", 9)]
        slow = [outbounds[number] for number in sorted(full)]
        assert send_to_all([(slow, [long])], now=0.0) == []
        assert not any(each.is_clear for each in slow)
        for tick in ticks:
            assert send_to_all([(outbounds, [tick])], now=0.0) == []
        for number, (_, theirs) in enumerate(pairs):
            if number not in gone:
                data = await everything(outbounds[number], theirs)
                expected = [long, *ticks] if number in full else ticks
                assert list(payloads(data)) == [tick.payload for tick in expected]
                theirs.close()
            wire = outbounds[number].wire
            assert wire is not None
            wire.close(1000, "", [])
        await asyncio.sleep(0)

    run(work())
