"""`candle_update` on request: bars as they are now, of watched tokens and intervals alone."""

from __future__ import annotations

import json
from typing import Any

from db.pool import Pool
from db.publish import Publication, append_event
from tests.helpers.hub import MINT_A, MINT_B, TOKEN_A, TOKEN_B, HubClient, connected, eventually
from tests.integration.api.conftest import Serve

AT = 1_795_347_000
"""A whole hour."""


async def trade(pool: Pool, at: int, price: str, mint: bytes = MINT_A) -> int:
    """A trade and its bars, in one transaction, as the indexer commits them; returns its seq."""
    async with pool.acquire() as connection, connection.transaction():
        number = await connection.fetchval(
            """INSERT INTO keys (key) VALUES ($1)
               ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING id""",
            mint,
        )
        for interval_s in (1, 60, 3600):
            await connection.execute(
                """INSERT INTO candle_rows AS c (token_id, interval_s, start, open, high, low,
                       close, volume_base, volume_quote, trades, buys, rev,
                       first_slot, first_seq, last_slot, last_seq)
                   VALUES ($1, $2, $3, $4, $4, $4, $4, 10, 20, 1, 1, 1, 1, 1, 1, 1)
                   ON CONFLICT (token_id, interval_s, start) DO UPDATE SET
                       high = greatest(c.high, excluded.high), low = least(c.low, excluded.low),
                       close = excluded.close, volume_base = c.volume_base + 10,
                       volume_quote = c.volume_quote + 20, trades = c.trades + 1,
                       rev = c.rev + 1""",
                number, interval_s, at - at % interval_s, price,
            )  # fmt: skip
        data = json.dumps({"signature": "s", "block_time": at})
        return await append_event(connection, Publication(event="new_trade", data=data, mint=mint))


async def bar(client: HubClient, interval: str, rev: int) -> dict[str, Any]:
    """The next state of an interval's bar that has this `rev`."""
    while True:
        told = await client.take("candle_update")
        if (told["data"]["interval"], told["data"]["rev"]) == (interval, rev):
            data: dict[str, Any] = told["data"]
            return data


async def test_bars_on_request(serve: Serve, pool: Pool) -> None:
    """The newest bar at once, then each change, whole, of the intervals that were asked for, also
    of those that are rolled up; nobody else gets any."""
    server = await serve()
    await trade(pool, AT - 100, "9.50")
    await trade(pool, AT, "1.5")
    await eventually(lambda: server.hub.ring.position.seq == 2)
    async with (
        connected(server.port, f"?room={TOKEN_A}&candles=15s&candles=1m") as client,
        connected(server.port, f"?room={TOKEN_A}&room={TOKEN_B}") as other,
    ):
        assert (await bar(client, "15s", 1))["start"] == AT
        first = await bar(client, "1m", 1)
        assert (first["start"], first["open"], first["trades"]) == (AT, "1.5", 1)
        await trade(pool, AT + 16, "0.25")
        await trade(pool, AT + 59, "3")
        seen = await bar(client, "1m", 3)
        assert {name: seen[name] for name in ("open", "high", "low", "close")} == {
            "open": "1.5", "high": "3", "low": "0.25", "close": "3",
        }  # fmt: skip
        assert (seen["volume_base"], seen["volume_quote"], seen["trades"]) == ("30", "60", 3)
        assert seen["interval_s"] == 60
        await trade(pool, AT + 50, "2")
        late = await bar(client, "15s", 2)
        assert (late["start"], late["open"], late["close"]) == (AT + 45, "2", "3")
        told = await other.settled()
        assert not [each for each in told if each["type"] == "candle_update"]


async def test_many_trades_are_few_bars(serve: Serve, pool: Pool) -> None:
    """States are conflated: however many trades, a few reads tell what they come to."""
    server = await serve()
    async with connected(server.port, f"?room={TOKEN_A}&candles=1h") as client:
        await client.take("subscribed")
        for number in range(60):
            await trade(pool, AT + number, str(number + 1))
        last = await bar(client, "1h", 60)
        assert (last["open"], last["close"], last["trades"]) == ("1", "60", 60)
        assert len([each for each in client.seen if each["type"] == "candle_update"]) < 60


async def test_what_a_fork_takes_back_changes_its_bar(serve: Serve, pool: Pool) -> None:
    """A retraction brings the bar of the trade it takes back, not only the newest."""
    server = await serve()
    async with connected(server.port) as client:
        await client.say(type="subscribe", id=1, room=TOKEN_A, candles=["1m"])
        await client.take("subscribed")
        seq = await trade(pool, AT, "1")
        await trade(pool, AT + 60, "2")
        await bar(client, "1m", 1)
        await pool.execute("UPDATE candle_rows SET trades = 0, rev = 2 WHERE start = $1", AT)
        data = json.dumps({"seq": seq, "signature": "s", "reason": "fork"})
        await append_event(pool, Publication(event="retracted", data=data, mint=MINT_A))
        void = await bar(client, "1m", 2)
        assert (void["start"], void["trades"], void["open"]) == (AT, 0, None)


async def test_a_resume_brings_the_bars_it_missed(serve: Serve, pool: Pool) -> None:
    """Also those that were complete before the client came back."""
    server = await serve()
    await trade(pool, AT, "1")
    since = f"{server.hub.epoch}:1"
    for at in (AT + 1, AT + 60, AT + 180):
        await trade(pool, at, "2")
    await eventually(lambda: server.hub.ring.position.seq == 4)
    query = f"?room={TOKEN_A}&candles=1m&since={since}"
    async with connected(server.port, query) as client:
        assert (await client.take("subscribed"))["replayed"] == 3
        found = [(await client.take("candle_update"))["data"]["start"] for _ in range(3)]
        assert found == [AT, AT + 60, AT + 180]


async def test_other_rooms_have_no_bars(serve: Serve, pool: Pool) -> None:
    """Nor are there other intervals; a later subscribe replaces what was asked for."""
    server = await serve()
    async with connected(server.port) as client:
        for room, candles in (("global", ["1m"]), (TOKEN_A, ["2m"])):
            await client.say(type="subscribe", id=1, room=room, candles=candles)
            assert (await client.take("error"))["code"] == "bad_message"
        await client.say(type="subscribe", id=2, room=TOKEN_B, candles=["1m"])
        await client.say(type="subscribe", id=3, room=TOKEN_B)
        await client.settled()
        await trade(pool, AT, "1", MINT_B)
        await client.take("new_trade")
        assert not server.hub._candles._watched
