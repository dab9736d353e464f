"""Clients that read slowly or not at all: bounded memory, told what they lost, and nobody else
waits.

They are plain sockets with small buffers that read only while they are asked to: there is nothing
to pause and resume. What is waited for is what the hub counts, which never goes back.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.server import ApiServer
from api.services.session import Session
from db.pool import Pool
from tests.helpers.hub import (
    MINT_A,
    MINT_B,
    TOKEN_A,
    TOKEN_B,
    connected,
    eventually,
    log_events,
    publish,
)
from tests.helpers.raw_socket import RawPeer
from tests.integration.api.conftest import Serve

PADDING = 16_000
PATIENT = {"queue_age_s": 600, "stall_s": 600, "ping_interval_s": 300, "close_s": 60}
"""Nothing ends here because the machine is slow."""


async def flood(pool: Pool, count: int, padding: int = PADDING) -> int:
    """Many large trades of MINT_A in one transaction, each with a price; returns the last seq."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            """WITH head AS (UPDATE feed_head SET seq = seq + $1 RETURNING seq - $1 AS before)
               INSERT INTO feed (seq, event, mint, wallet, slot, data, price_update)
               SELECT before + n, 'new_trade', $2, $2, 1,
                      json_build_object('number', before + n, 'padding', repeat('x', $3))::text,
                      json_build_object('price', before + n)::text
               FROM head, generate_series(1, $1) n""",
            count,
            MINT_A,
            padding,
        )
        await connection.execute("NOTIFY feed")
        last: int = await connection.fetchval("SELECT seq FROM feed_head")
    return last


async def narrow(serve: Serve, **limits: Any) -> ApiServer:
    """A server whose kernel takes little for a client that does not read."""
    server = await serve(**PATIENT | limits)
    # Sockets that are accepted inherit it.
    server._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32_768)
    return server


@asynccontextmanager
async def slow(server: ApiServer, *rooms: str) -> AsyncIterator[tuple[RawPeer, Session]]:
    """A slow reader in these rooms, and what the hub has of it."""
    before = set(server.hub.sessions.values())
    query = "&".join(f"room={room}" for room in rooms)
    url = f"ws://127.0.0.1:{server.port}/api/v1/websocket/ws?{query}"
    async with await RawPeer.dial_slow(url) as peer:
        (session,) = set(server.hub.sessions.values()) - before
        for _ in rooms:
            await peer.message("subscribed")
        yield peer, session


async def fanned_out(server: ApiServer, seq: int) -> None:
    """The hub has handed everything up to here to whom it concerns."""
    await eventually(lambda: server.hub.ring.position.seq >= seq)


def is_price(seq: int) -> Callable[[dict[str, Any]], bool]:
    """Is it the price after this event?"""
    return lambda each: each["type"] == "price_update" and each["seq"] == seq


async def test_who_reads_nothing_is_cut(serve: Serve, pool: Pool) -> None:
    """A client whose socket takes nothing is gone soon, costs bounded memory and delays nobody."""
    server = await narrow(serve, queue_age_s=10, stall_s=6, close_s=2)
    worst = 0
    async with (
        slow(server, "global") as (_, deaf),
        connected(server.port, "?room=global") as healthy,
    ):
        await healthy.take("subscribed")
        while not deaf.is_over:
            last = await flood(pool, 20, 2_000)  # which the healthy one's kernel can hold
            await healthy.take_until(is_price(last))
            worst = max(worst, deaf.outbound.queued_bytes)
        assert server.hub.slow["cut"] == 1
        # The plain path can only wait for the kernel's TCP_USER_TIMEOUT.
        await eventually(lambda: open_sockets(server) == 1, 30)
        (seq,) = await publish(pool, 1)
        await healthy.take_until(is_price(seq))
    # The bound, and what one part of the feed may add to it before it is looked at.
    assert worst <= 1024 * 1024 + 3 * 64 * 1024


def open_sockets(server: ApiServer) -> int:
    """Connections that uvicorn still knows."""
    return len(server._server.server_state.connections)


async def test_a_pause_conflates_states(serve: Serve, pool: Pool) -> None:
    """After a pause a client gets every log event in order, but of a state only what it is now."""
    server = await narrow(serve, queue_soft_bytes=10**9, queue_hard_bytes=10**9)
    async with slow(server, TOKEN_A) as (client, _):
        for number in range(10):
            await flood(pool, 20)
            await fanned_out(server, 20 * (number + 1))
        told = await client.take_until(is_price(200))
    assert [each["data"]["number"] for each in log_events(told)] == list(range(1, 201))
    # Those that went out while the socket still took something, and the newest.
    assert len([each for each in told if each["type"] == "price_update"]) < 20


async def test_a_slow_client_is_resynchronised(serve: Serve, pool: Pool) -> None:
    """Too far behind: the worst room's events are dropped, the client is told which, and gets a
    snapshot once its socket is free; other rooms lose nothing."""
    server = await narrow(serve, queue_soft_bytes=128 * 1024)
    async with slow(server, TOKEN_A, TOKEN_B) as (client, session):
        await flood(pool, 100)
        await publish(pool, 1, mint=MINT_B)
        await fanned_out(server, 101)
        assert server.hub.slow["shed"] == 1
        assert session.outbound.queued_bytes < 256 * 1024
        told = await client.take_until(lambda each: each["type"] == "snapshot")
        await publish(pool, 2)
        after = await client.message("new_trade")
    resync = next(each for each in told if each["type"] == "resync")
    seen = [each["seq"] for each in log_events(told) if each["room"] == TOKEN_A]
    assert (resync["room"], resync["reason"], resync["to"]) == (TOKEN_A, "slow", 100)
    assert seen == list(range(1, resync["from"]))
    assert told[-1]["seq"] == after["prev"] == 100
    assert [each["seq"] for each in log_events(told) if each["room"] == TOKEN_B] == [101]


async def test_the_third_resync_is_the_last(serve: Serve, pool: Pool) -> None:
    """Who can't keep up three times within a minute is sent away: 4440, to come back and resume."""
    server = await narrow(serve, queue_soft_bytes=192 * 1024, strike_window_s=600)
    async with slow(server, TOKEN_A) as (client, _):
        for number in (1, 2):
            await flood(pool, 60)
            await fanned_out(server, 60 * number)
            assert server.hub.slow["shed"] == number
            await client.take_until(lambda each: each["type"] == "snapshot")
        await flood(pool, 60)
        await fanned_out(server, 180)
        goodbye = await client.message("goodbye")
        assert (goodbye["code"], goodbye["reconnect"]) == (4440, True)
        assert await client.end() == 4440
    assert server.hub.slow == {"shed": 3, "resync": 2, "cut": 1}


@pytest.mark.parametrize("rooms", [1, 2])
async def test_old_frames_are_shed_too(serve: Serve, pool: Pool, rooms: int) -> None:
    """What waits for too long is dropped, though it is little: news is worth more."""
    server = await narrow(serve, queue_age_s=0.5, queue_soft_bytes=10**9)
    async with slow(server, *(TOKEN_A, TOKEN_B)[:rooms]) as (client, _):
        await flood(pool, 20)
        await eventually(lambda: server.hub.slow["shed"] >= 1)
        resync = await client.message("resync")
        assert (resync["room"], resync["reason"]) == (TOKEN_A, "slow")
