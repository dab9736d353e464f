"""States that come beside the feed: told as they change, and to whoever joins."""

from __future__ import annotations

from db.pool import Pool
from db.states import put_state, states
from tests.helpers.hub import TOKEN_A, connected, publish
from tests.integration.api.conftest import Serve


async def test_states_are_told_as_they_change(serve: Serve, pool: Pool) -> None:
    """Members of `global` get each new value under the hub's own position; it takes no number of
    the feed, and other rooms hear nothing of it.
    """
    await publish(pool, 1)
    server = await serve()
    async with connected(server.port, f"?room=global&room={TOKEN_A}") as client:
        await client.settled()
        for value in (1, 2):
            await put_state(pool, "finality", f'{{"confirmed_slot":9,"finalized_slot":{value}}}')
            told = await client.take("finality")
            assert (told["room"], told["seq"]) == ("global", 1)
            assert told["data"] == {"confirmed_slot": 9, "finalized_slot": value}
        await publish(pool, 2)
        trade = await client.take("new_trade")
        assert (trade["seq"], trade["prev"]) == (2, 1)
        assert not [each for each in client.seen if each.get("room") == TOKEN_A
                    and each["type"] == "finality"]  # fmt: skip


async def test_who_joins_is_told_what_is_current(serve: Serve, pool: Pool) -> None:
    """A new member gets the newest values after its snapshot or replay, as far as it wants
    them; an instance that starts knows them, too.
    """
    await publish(pool, 1)
    await put_state(pool, "finality", '{"confirmed_slot":9,"finalized_slot":2}')
    await put_state(pool, "market_stats", '{"tokens":3}')
    server = await serve()
    async with connected(server.port, "?room=global") as client:
        told = {(await client.take("finality", "market_stats"))["type"] for _ in range(2)}
        assert told == {"finality", "market_stats"}
    async with connected(server.port) as client:
        await client.say(
            type="subscribe", room="global", snapshot=True, events=["new_trade", "market_stats"]
        )
        first = [message["type"] for message in await client.settled()]
        assert first == ["snapshot", "market_stats"]


async def test_the_same_value_is_no_change(pool: Pool) -> None:
    """What is put again as it is has no new version; another value has one never given before."""
    versions = []
    for data in ("1", "1", "2", "1"):
        await put_state(pool, "finality", data)
        (state,) = await states(pool)
        versions.append(state.version)
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3
