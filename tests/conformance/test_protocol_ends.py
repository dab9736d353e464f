"""hub.v1 from outside: heartbeat, errors, ends and credentials. See test_protocol.py."""

from __future__ import annotations

import secrets

import pytest
import websockets

from programs.keys import b58
from tests.conformance.conftest import FOREIGN, Dial
from tests.helpers.conformance import Target, quiet
from tests.helpers.raw_socket import PING, RawPeer, frame
from tests.helpers.sign_in import Browser

# --- heartbeat


async def test_ping_and_pong(dial: Dial) -> None:
    """A `ping` is answered with its id, whatever kind that is; `pong` is taken in silence."""
    client = await dial(f"?room={quiet()}")
    for identifier in (7, "x" * 64):
        await client.say(type="ping", id=identifier)
        assert (await client.take("pong"))["id"] == identifier
    await client.say(type="pong")
    await client.say(type="rooms", id=1)
    await client.take("rooms")
    assert "error" not in [each["type"] for each in client.seen]


async def test_who_is_silent_is_pinged_then_cut(target: Target) -> None:
    """`ping`, both of the protocol and of WebSockets; without any answer: 1011."""
    async with await RawPeer.dial(target.ws(f"?room={quiet()}")) as peer:
        assert await peer.end() == 1011


# --- errors


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "bad_json"),
        ('{"type":5}', "bad_message"),
        ('{"room":"global"}', "bad_message"),
        ('{"type":"subscribe","id":1}', "bad_message"),
        ('{"type":"subscribe","room":"global","events":["x"]}', "bad_message"),
        ('{"type":"ping","id":"' + "x" * 65 + '"}', "bad_message"),
        ('{"type":"explode","id":1}', "unknown_type"),
        ('{"type":"subscribe","room":"lobby"}', "unknown_room"),
        ('{"type":"subscribe","room":"token_abc"}', "invalid_room"),
        ('{"type":"subscribe","room":"user_"}', "invalid_room"),
        ('{"type":"auth","token":"abc"}', "token_invalid"),
        ('{"type":"auth"}', "bad_message"),
    ],
)
async def test_errors(dial: Dial, text: str, code: str) -> None:
    """Each has its code and a sentence, and the connection goes on."""
    client = await dial(f"?room={quiet()}")
    await client.socket.send(text)
    error = await client.take("error")
    assert (error["code"], error["retryable"]) == (code, False)
    assert error["message"]
    await client.say(type="ping", id=1)
    assert await client.take("pong")


async def test_an_error_names_what_it_is_about(dial: Dial) -> None:
    """`id` and `room` are those of the message."""
    client = await dial(f"?room={quiet()}")
    await client.say(type="subscribe", id="x", room="token_zz")
    error = await client.take("error")
    assert (error["id"], error["room"]) == ("x", "token_zz")


async def test_too_many_rooms(dial: Dial) -> None:
    """One room more than `welcome` allows."""
    client = await dial(f"?room={quiet()}")
    rooms = client.seen[0]["limits"]["rooms"]
    client = await dial("?" + "&".join(f"room={quiet()}" for _ in range(rooms)))
    await client.say(type="subscribe", id=1, room=quiet())
    assert (await client.take("error"))["code"] == "too_many_rooms"


async def test_too_large(dial: Dial) -> None:
    """A message above `max_bytes`: the error, then 1009."""
    client = await dial(f"?room={quiet()}")
    size = client.seen[0]["limits"]["max_bytes"]
    await client.say(type="ping", id="x" * size)
    code, _ = await client.end()
    assert code == 1009


# --- the ends


async def test_bad_messages_without_end(dial: Dial) -> None:
    """Five bad messages within a minute: 4400, and no coming back."""
    client = await dial(f"?room={quiet()}")
    for _ in range(5):
        await client.socket.send("nonsense")
    code, told = await client.end()
    assert (code, told[-1]["type"], told[-1]["reconnect"]) == (4400, "goodbye", False)


async def test_too_many_messages(dial: Dial) -> None:
    """Beyond the burst `rate_limited` with a time to wait, and the third ends it: 4429."""
    client = await dial(f"?room={quiet()}")
    burst = client.seen[0]["limits"]["burst"]
    for number in range(burst * 2 + 5):
        try:
            await client.say(type="ping", id=number)
        except websockets.ConnectionClosed:
            break
    code, told = await client.end()
    errors = [each for each in told if each["type"] == "error"]
    assert code == 4429
    assert {each["code"] for each in errors} == {"rate_limited"}
    assert all(each["retryable"] and each["retry_after_ms"] > 0 for each in errors)
    assert told[-1]["after_ms"] is not None


async def test_too_many_pings(target: Target) -> None:
    """Pings of the WebSocket protocol count as messages: 4429. The plain path leaves them to
    uvicorn, which answers them all; the connection lives on."""
    async with await RawPeer.dial(target.ws(f"?room={quiet()}")) as peer:
        await peer.send(*[frame(PING, b"x")] * 200)
        if target.kind == "asgi":
            assert await peer.is_answered()
        else:
            assert await peer.end() == 4429


async def test_who_says_nothing(dial: Dial) -> None:
    """Neither `auth` nor `subscribe` in time: 4408."""
    code, told = await (await dial()).end()
    assert (code, told[-1]["reconnect"]) == (4408, True)


async def test_another_version(dial: Dial) -> None:
    """Only subprotocols that the hub doesn't speak: `unsupported_protocol`, 4410."""
    client = await dial(subprotocols=[websockets.Subprotocol("hub.v9")])
    code, told = await client.end()
    assert (code, told[0]["code"], told[-1]["reconnect"]) == (4410, "unsupported_protocol", False)


# --- who one is


async def test_a_bad_credential_in_the_url(dial: Dial) -> None:
    """The socket opens and says why: `error`, `goodbye`, 4401."""
    code, told = await (await dial(f"?token=abc&room={quiet()}")).end()
    assert [each["type"] for each in told] == ["error", "goodbye"]
    assert (code, told[0]["code"]) == (4401, "token_invalid")


async def test_a_ticket_is_good_once(dial: Dial, browser: Browser) -> None:
    """A ticket signs in; the second time it is `ticket_used`: 4401."""
    ticket = await browser.ticket()
    client = await dial(f"?token={ticket}&room={quiet()}")
    assert client.seen[0]["auth"]["wallet"] == browser.wallet
    code, told = await (await dial(f"?token={ticket}")).end()
    assert (code, told[0]["code"]) == (4401, "ticket_used")


async def test_the_rooms_of_wallets(dial: Dial, browser: Browser) -> None:
    """`unauthenticated` before `auth`, `forbidden` for another's room after it."""
    room, another = f"user_{browser.wallet}", f"user_{b58(secrets.token_bytes(32))}"
    client = await dial()
    await client.say(type="subscribe", id=1, room=room)
    answer = await client.take("error", "subscribed")
    if answer["type"] == "subscribed":
        pytest.skip("the rooms of wallets are open there")
    assert answer["code"] == "unauthenticated"
    await client.say(type="auth", id=2, token=browser.access_token)
    await client.say(type="subscribe", id=3, room=room)
    assert (await client.take("authed"))["auth"]["wallet"] == browser.wallet
    assert (await client.take("subscribed"))["id"] == 3
    await client.say(type="subscribe", id=4, room=another)
    assert (await client.take("error"))["code"] == "forbidden"


async def test_a_credential_that_ends_soon(dial: Dial, browser: Browser) -> None:
    """`auth_expiring`, a minute before."""
    client = await dial(f"?token={await browser.ticket()}&room={quiet()}")
    if FOREIGN is not None:
        pytest.skip("it takes ten minutes")
    assert (await client.take("auth_expiring"))["exp"] == client.seen[0]["auth"]["exp"]


async def test_signing_out(dial: Dial, browser: Browser) -> None:
    """The session's sockets are closed: 4442."""
    client = await dial(f"?token={await browser.ticket()}&room={quiet()}")
    answer = await browser.post("/api/v1/auth/logout", {}, headers=browser.bearer)
    assert answer.status_code == 204
    code, told = await client.end()
    assert (code, told[-1]["reconnect"]) == (4442, False)
