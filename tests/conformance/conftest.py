"""What is tested: the server CURVEFEED_URL names, or two of our own, one for each output path.

With CURVEFEED_ADMIN_TOKEN (the server's ADMIN_TOKEN) events can be published there, too.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx2
import pytest
import websockets

from tests.helpers.asyncapi import Judge
from tests.helpers.conformance import OwnServer, Publisher, Target, Witness, quiet
from tests.helpers.pg import PostgresForTests
from tests.helpers.raw_socket import RawPeer
from tests.helpers.sign_in import Browser

FOREIGN = os.environ.get("CURVEFEED_URL")

Dial: TypeAlias = Callable[..., Awaitable[Witness]]
DialRaw: TypeAlias = Callable[[], Awaitable[RawPeer]]


@pytest.fixture(scope="session", params=["foreign"] if FOREIGN else ["direct", "asgi"])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """The server under test."""
    if FOREIGN is not None:
        parts = urlsplit(FOREIGN)
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        token = os.environ.get("CURVEFEED_ADMIN_TOKEN")
        yield Target(f"{scheme}://{parts.netloc}", token)
        return
    postgres: PostgresForTests = request.getfixturevalue("postgres")
    with OwnServer(postgres, is_direct=request.param == "direct") as own:
        yield own


@pytest.fixture
async def judge(target: Target) -> Judge:
    """By the server's own document."""
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"{target.base}/asyncapi.json")
    return Judge(answer.json())


@pytest.fixture
async def dial(target: Target, judge: Judge) -> AsyncIterator[Dial]:
    """Makes clients; at the end, what each of them was told must be what the document says."""
    clients: list[Witness] = []

    async def make(query: str = "", **options: Any) -> Witness:
        socket = await websockets.connect(target.ws(query), max_queue=None, **options)
        clients.append(Witness(socket))
        assert (await clients[-1].take())["type"] == "welcome"
        return clients[-1]

    yield make
    for client in clients:
        await client.socket.close()
        assert [fault for each in client.seen for fault in judge.faults(each)] == []


@pytest.fixture
def publisher(target: Target) -> Publisher:
    """Skips the test where nothing can be published."""
    if target.admin_token is None:
        pytest.skip("CURVEFEED_ADMIN_TOKEN is not set: nothing can be published")
    return Publisher(target)


@pytest.fixture
async def browser(target: Target) -> AsyncIterator[Browser]:
    """A wallet that has signed in, as a program does: without Origin. Skips where none can."""
    program = Browser(0, origin=None)
    program.base = target.base
    is_on = (await program.http.get(f"{target.base}/api/v1/auth")).json()["is_on"]
    if not is_on:
        await program.close()
        pytest.skip("sign-in is off there")
    binding = secrets.token_hex(16)
    signed = program.sign(await program.nonce(binding=binding))
    program.keep(await program.verify(signed | {"binding": binding}))
    yield program
    await program.close()


@pytest.fixture
async def dial_raw(target: Target) -> AsyncIterator[DialRaw]:
    """Makes clients in a room where nothing happens."""
    peers: list[RawPeer] = []

    async def make() -> RawPeer:
        peers.append(await RawPeer.dial(target.ws(f"?room={quiet()}")))
        return peers[-1]

    yield make
    for peer in peers:
        await peer.__aexit__(None, None, None)
