"""Clients that read slowly or not at all: bounded memory, told what they lost, and nobody else
waits.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from api.server import ApiServer
from db.pool import Pool
from tests.helpers.hub import (
    MINT_A,
    MINT_B,
    TOKEN_A,
    HubClient,
    connected,
    eventually,
    log_events,
    publish,
)
from tests.integration.api.conftest import Serve
from tests.integration.api.test_hostile import raw_handshake

PADDING = 16_000


async def flood(pool: Pool, count: int, mint: bytes = MINT_A) -> None:
    """Many large trades in one transaction, each with a price."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            """WITH head AS (UPDATE feed_head SET seq = seq + $1 RETURNING seq - $1 AS before)
               INSERT INTO feed (seq, event, mint, wallet, slot, data, price_update)
               SELECT before + n, 'new_trade', $2, $2, 1,
                      json_build_object('number', before + n, 'padding', repeat('x', $3))::text,
                      json_build_object('price', before + n)::text
               FROM head, generate_series(1, $1) n""",
            count,
            mint,
            PADDING,
        )
        await connection.execute("NOTIFY feed")


@pytest.mark.timeout(60)
async def test_who_reads_nothing_is_cut(serve: Serve, pool: Pool, is_direct: bool) -> None:
    """A client whose socket takes nothing is gone soon, costs bounded memory and delays nobody."""
    server = await serve(stall_s=1)
    _, writer = await raw_handshake(server.port, "?room=global", receive_bytes=4096)
    worst = 0
    async with connected(server.port, "?room=global") as healthy:
        await healthy.take("subscribed")
        (deaf,) = [each for each in server.hub.sessions.values() if each.id != conn_of(healthy)]
        began = time.monotonic()
        for number in range(12):
            await flood(pool, 60)
            await healthy.take_until(is_price(60 * (number + 1)))
            worst = max(worst, deaf.outbound.queued_bytes)
        await eventually(lambda: deaf.is_over, timeout_s=15)
        assert time.monotonic() - began < 15
        assert not healthy.socket.close_code
    # The bound, and what one part of the feed may add to it before it is looked at.
    assert worst <= 1024 * 1024 + 3 * 64 * 1024
    if is_direct:  # the plain path can only wait for the kernel's TCP_USER_TIMEOUT
        await eventually(lambda: open_sockets(server) == 0, timeout_s=5)
    writer.transport.abort()


def conn_of(client: HubClient) -> str:
    """Its id, from the welcome."""
    identifier: str = client.seen[0]["conn"]
    return identifier


def open_sockets(server: ApiServer) -> int:
    """Connections that uvicorn still knows."""
    return len(server._server.server_state.connections)


async def test_a_pause_conflates_states(serve: Serve, pool: Pool) -> None:
    """After a pause a client gets every log event in order, but of a state only what it is now."""
    server = await serve(queue_soft_bytes=10**9, queue_hard_bytes=10**9, queue_age_s=60, stall_s=60)
    client = await HubClient.dial(server.port, f"?room={TOKEN_A}")
    client.socket.transport.pause_reading()
    await eventually(lambda: TOKEN_A in {room.name.name for room in server.hub.rooms.values()})
    for _ in range(10):
        await flood(pool, 60)
        await asyncio.sleep(0.05)
    client.socket.transport.resume_reading()
    async with client:
        told = await client.take_until(is_price(600))
    assert [each["data"]["number"] for each in log_events(told)] == list(range(1, 601))
    assert len([each for each in told if each["type"] == "price_update"]) < 300


def is_price(seq: int) -> Any:
    """Is it the price after this event?"""
    return lambda each: each["type"] == "price_update" and each["seq"] == seq


@pytest.mark.timeout(60)
async def test_a_slow_client_is_resynchronised(serve: Serve, pool: Pool) -> None:
    """Too far behind: the worst room's events are dropped, the client is told which, and gets a
    snapshot once its socket is free; other rooms lose nothing."""
    server = await serve(queue_soft_bytes=128 * 1024, queue_age_s=60, stall_s=60)
    client = await HubClient.dial(server.port, f"?room={TOKEN_A}&room=token_{B58_B}")
    client.socket.transport.pause_reading()
    await eventually(lambda: len(server.hub.rooms) == 2)
    await flood(pool, 900)
    await publish(pool, 1, mint=MINT_B)
    await eventually(lambda: server.hub.ring.position.seq == 901)
    (session,) = server.hub.sessions.values()
    assert session.outbound.queued_bytes < 256 * 1024
    client.socket.transport.resume_reading()
    async with client:
        told = await client.take_until(lambda each: each["type"] == "snapshot")
        await publish(pool, 2)
        after = await client.take("new_trade")
    resync = next(each for each in told if each["type"] == "resync")
    seen = [each["seq"] for each in log_events(told) if each["room"] == TOKEN_A]
    assert (resync["room"], resync["reason"], resync["to"]) == (TOKEN_A, "slow", 900)
    assert seen == list(range(1, resync["from"]))
    assert told[-1]["seq"] == after["prev"] == 900
    assert [each["seq"] for each in log_events(told) if each["room"] != TOKEN_A] == [901]


B58_B = "8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR"


async def test_the_third_resync_is_the_last(serve: Serve, pool: Pool) -> None:
    """Who can't keep up three times within a minute is sent away: 4440, to come back and resume."""
    server = await serve(queue_soft_bytes=64 * 1024, queue_age_s=60, stall_s=60)
    client = await HubClient.dial(server.port, f"?room={TOKEN_A}")
    (session,) = server.hub.sessions.values()
    await eventually(lambda: len(server.hub.rooms) == 1)
    for _ in range(3):
        client.socket.transport.pause_reading()
        await flood(pool, 900)
        await eventually(lambda: not server.hub.rooms or session.is_over)
        client.socket.transport.resume_reading()
        await eventually(lambda: bool(server.hub.rooms) or session.is_over)
    async with client:
        code, told = await client.end()
    assert code == 4440
    assert json.dumps(told[-1]).count("4440") == 1
