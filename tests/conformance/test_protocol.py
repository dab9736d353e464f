"""hub.v1 from outside: every message, error and close code of docs/protocol.md that a client can
bring about, on any server, through sockets and HTTP alone.

    CURVEFEED_URL=wss://… [CURVEFEED_ADMIN_TOKEN=…] ./run test tests/conformance

Whatever the server says is checked against its own /asyncapi.json. Not here, since no client brings
them about, or not without harm: `resync` and 4440 (slow readers), `unavailable`, 1012, 1013, 4441
and `token_expired`; tests/integration/api has those. 1002, 1003, 1007 and 1009: test_websocket.py.
"""

from __future__ import annotations

from itertools import pairwise

import httpx2
import pytest

from tests.conformance.conftest import FOREIGN, Dial
from tests.helpers.conformance import PATH, Publisher, Target, quiet
from tests.helpers.hub import log_events
from tests.helpers.sign_in import Browser

# --- welcome, subscribe, resume, snapshot


async def test_welcome(dial: Dial) -> None:
    """The first frame: version, position, limits, heartbeat; nobody is signed in."""
    client = await dial(f"?room={quiet()}")
    welcome = client.seen[0]
    assert (welcome["protocol"], welcome["auth"]) == (1, None)
    assert welcome["limits"]["rooms"] >= 1
    assert welcome["ping_interval_ms"] > 0


async def test_subscribed_and_unsubscribed(dial: Dial) -> None:
    """`subscribe` and `unsubscribe` come back with their id, `rooms` lists what is joined."""
    client, room = await dial(), quiet()
    await client.say(type="subscribe", id=1, room=room)
    subscribed = await client.take("subscribed")
    assert (subscribed["id"], subscribed["room"], subscribed["seq"]) == (1, room, 0)
    assert "recovered" not in subscribed
    await client.say(type="rooms", id=2)
    assert (await client.take("rooms"))["rooms"] == [{"room": room, "seq": 0}]
    await client.say(type="unsubscribe", id="3", room=room)
    assert (await client.take("unsubscribed"))["id"] == "3"
    await client.say(type="rooms", id=4)
    assert (await client.take("rooms"))["rooms"] == []


async def test_the_aliases(dial: Dial) -> None:
    """`action` and `channel` are understood, and without id there is no answer."""
    client, room = await dial(), quiet()
    await client.say(action="subscribe", channel=room)
    await client.say(action="rooms", id=1)
    assert [each["room"] for each in (await client.take("rooms"))["rooms"]] == [room]
    assert "subscribed" not in [each["type"] for each in client.seen]


@pytest.mark.parametrize("room", ["global", "token"])
async def test_snapshot(dial: Dial, room: str) -> None:
    """`snapshot` follows `subscribed`, and both have the same position."""
    room = quiet() if room == "token" else room
    client = await dial()
    await client.say(type="subscribe", id=1, room=room, snapshot=True)
    subscribed, snapshot = await client.take("subscribed"), await client.take("snapshot")
    assert (snapshot["room"], snapshot["seq"]) == (room, subscribed["seq"])
    assert ("token" in snapshot["data"]) is (room != "global")


@pytest.mark.parametrize("event", [
    "token_created", "new_trade", "curve_completed", "token_migrated", "retracted",
    "price_update", "portfolio_update", "market_stats",
])  # fmt: skip
async def test_each_event_reaches_its_rooms(
    dial: Dial, publisher: Publisher, browser: Browser, event: str
) -> None:
    """The table of events: their rooms, and `prev` of log events alone."""
    publisher.wallet, publisher.user = browser.wallet, f"user_{browser.wallet}"
    rooms = ("global", publisher.token, publisher.user)
    query = "".join(f"&room={room}" for room in rooms)
    client = await dial(f"?token={await browser.ticket()}{query}")
    for _ in rooms:
        await client.take("subscribed")
    seq = await publisher.publish(event)
    await publisher.publish("curve_completed")
    marks = 0
    while marks < 3:
        marks += (await client.take("curve_completed"))["seq"] > seq
    told = {each["room"]: each for each in client.seen if each.get("seq") == seq and "data" in each}
    expected = {
        "retracted": {"global"}, "price_update": {"global", publisher.token},
        "portfolio_update": {publisher.user}, "market_stats": {"global"},
    }.get(event, set(rooms))  # fmt: skip
    assert set(told) == expected
    is_state = event in ("price_update", "portfolio_update", "market_stats")
    assert all(("prev" in each) is not is_state for each in told.values())


async def test_resume(dial: Dial, publisher: Publisher) -> None:
    """`since` replays what was missed, all of it, in order and chained; then it is live."""
    seqs = [await publisher.publish("new_trade") for _ in range(3)]
    client = await dial(f"?room={publisher.token}")
    subscribed = await client.take("subscribed")
    since = {"epoch": subscribed["epoch"], "seq": seqs[0]}
    await client.say(type="subscribe", id=1, room=publisher.token, since=since)
    subscribed = await client.take("subscribed")
    assert (subscribed["recovered"], subscribed["seq"]) == (True, seqs[0])
    assert subscribed["replayed"] <= 2  # the newest may be on its way to this hub: it comes live
    seqs.append(await publisher.publish("new_trade"))
    told = [await client.take("new_trade") for _ in range(3)]
    assert [(each["prev"], each["seq"]) for each in told] == list(pairwise(seqs))


async def test_resume_by_the_url(dial: Dial, publisher: Publisher) -> None:
    """`&since=` resumes, `&snapshot=1` begins with a snapshot."""
    first = await publisher.publish("new_trade")
    second = await publisher.publish("new_trade")
    epoch = (await dial("?snapshot=1&room=" + publisher.token)).seen[0]["epoch"]
    client = await dial(f"?room={publisher.token}&since={epoch}:{first}")
    assert (await client.take("subscribed"))["recovered"]
    trade = await client.take("new_trade")
    assert (trade["prev"], trade["seq"]) == (first, second)
    client = await dial(f"?room={publisher.token}&snapshot=1")
    assert (await client.take("snapshot"))["room"] == publisher.token


@pytest.mark.parametrize("reason", ["epoch", "ahead", "too_many"])
async def test_what_cannot_be_replayed(dial: Dial, target: Target, reason: str) -> None:
    """`recovered: false` with the reason, and a snapshot."""
    room, seq = quiet(), 2**53 - 1
    if reason == "too_many":
        if FOREIGN is not None:
            pytest.skip("it takes more than 512 events")
        publisher = Publisher(target)
        room, seq = publisher.token, await publisher.publish("new_trade")
        for _ in range(10):
            await publisher.publish("new_trade")
    client = await dial()
    epoch = client.seen[0]["epoch"] if reason != "epoch" else "another"
    await client.say(type="subscribe", id=1, room=room, since={"epoch": epoch, "seq": seq})
    subscribed, snapshot = await client.take("subscribed"), await client.take("snapshot")
    assert (subscribed["recovered"], subscribed["reason"]) == (False, reason)
    assert snapshot["seq"] == subscribed["seq"]


async def test_a_filter(dial: Dial, publisher: Publisher) -> None:
    """With `events` only those come, and `prev` is null."""
    client = await dial()
    await client.say(type="subscribe", id=1, room=publisher.token, events=["curve_completed"])
    await client.take("subscribed")
    await publisher.publish("new_trade")
    seq = await publisher.publish("curve_completed")
    event = await client.take("curve_completed")
    assert (event["seq"], event["prev"]) == (seq, None)
    assert log_events(client.seen) == [event]


async def test_pos(dial: Dial) -> None:
    """A quiet room says where it stands."""
    client = await dial(f"?room={(room := quiet())}")
    while (message := await client.patient())["type"] != "pos":
        pass
    assert (message["room"], message["seq"]) == (room, 0)


# --- beside it


async def test_a_snapshot_over_rest_goes_on_as_since(
    dial: Dial, target: Target, publisher: Publisher
) -> None:
    """A room's state by REST, then `since` its position: nothing is missed."""
    await publisher.publish("new_trade")
    url = f"{target.base}/api/v1/websocket/rooms/{publisher.token}"
    async with httpx2.AsyncClient() as http:
        answer = (await http.get(f"{url}/snapshot")).json()
        members = (await http.get(f"{url}/members")).json()
        stats = await http.get(f"{target.base}/api/v1/websocket/stats")
    assert members == {"room": publisher.token, "members": 0}
    assert stats.status_code == 200
    await publisher.publish("new_trade")
    client = await dial(f"?room={publisher.token}&since={answer['epoch']}:{answer['seq']}")
    assert (await client.take("subscribed"))["recovered"]
    assert (await client.take("new_trade"))["prev"] == answer["seq"]


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        ("explode", {}),
        ("welcome", {}),
        ("finality", {}),
        ("price_update", {"mint": "zzz"}),
        ("price_update", {"price": 5}),
        ("market_stats", {"padding": "x" * 8_192}),
    ],
)
async def test_what_is_no_event_is_not_broadcast(
    publisher: Publisher, event: str, changes: dict[str, object]
) -> None:
    """Not in the registry, not by its model, or of more than 8 KiB."""
    known = event if event in ("price_update", "market_stats") else "market_stats"
    answer = await publisher.ask(event, publisher.data(known) | changes)
    assert answer.status_code == 422, answer.text


async def test_broadcast_is_the_administrators(target: Target) -> None:
    """Nobody else publishes."""
    async with httpx2.AsyncClient() as http:
        answer = await http.post(
            f"{target.base}{PATH.removesuffix('/ws')}/broadcast",
            json={"event": "market_stats", "data": {}},
        )
    assert answer.status_code in (401, 403)
