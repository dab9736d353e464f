"""Fetching from strangers: what they send, where they send us, and what we do about it.

Real sockets: the strangers' server is at 127.0.0.2, which the guard takes for public; what stands
at 127.0.0.1 is the private network that must never be called.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from common.errors import CurvefeedError
from indexer.market.metadata.addresses import Guard, Lookup, is_public, networks_of, system_lookup
from indexer.market.metadata.document import document_of
from indexer.market.metadata.errors import Unacceptable, Unreachable
from indexer.market.metadata.fetch import Fetcher
from indexer.market.metadata.places import Body
from tests.helpers.web import serving

STRANGER = "127.0.0.2"
MOST = 10_000
DEEP = "[" * 100_000


@asynccontextmanager
async def fetcher(
    gateways: Sequence[str] = (), lookup: Lookup = system_lookup, timeout_s: float = 20
) -> AsyncIterator[Fetcher]:
    """Takes the stranger's address for a public one."""
    guard = Guard(networks_of(f"{STRANGER}/32"))
    async with Fetcher(guard, gateways, timeout_s, lookup) as made:
        yield made


async def stranger(request: web.Request) -> web.StreamResponse:
    """Answers by the path: good, bad, and worse."""
    kind, _, rest = request.path[1:].partition("/")
    if kind == "ok":
        return web.json_response({"description": "fine"})
    if kind == "to":
        return web.Response(status=302, headers={"Location": request.query["where"]})
    if kind == "loop":
        raise web.HTTPFound(f"/loop/{int(rest or 0) + 1}")
    if kind == "hops":
        left = int(rest)
        raise web.HTTPFound(f"/hops/{left - 1}" if left > 1 else "/ok")
    if kind == "status":
        return web.Response(status=int(rest))
    if kind == "gzip":
        packed = gzip.compress(b"0" * 50_000_000)
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})
    if kind == "declared":
        return web.Response(body=b"x" * (MOST + 1))
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    with_end = 200 if kind == "endless" else 0
    for _ in range(with_end):
        await response.write(b"x" * 1_000)
    return response


async def test_what_is_sound_is_fetched() -> None:
    """http, redirects up to three, and data URIs in both spellings bring their bytes."""
    async with serving(stranger, STRANGER) as base, fetcher() as http:
        for path in ("ok", "hops/1", "hops/3"):
            body = await http.fetch(f"{base}/{path}", MOST)
            assert json.loads(body.data) == {"description": "fine"}
            assert body.kind == "application/json"
        plain = await http.fetch('data:application/json,{"a":"%20"}', MOST)
        assert plain == Body("application/json", b'{"a":" "}')
        packed = base64.b64encode(b"\x00\xff").decode()
        assert (await http.fetch(f"data:image/png;base64,{packed}", MOST)).data == b"\x00\xff"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("hops/4", Unacceptable),
        ("loop", Unacceptable),
        ("endless", Unacceptable),
        ("declared", Unacceptable),
        ("gzip", Unacceptable),
        ("status/403", Unacceptable),
        ("status/404", Unreachable),
        ("status/429", Unreachable),
        ("status/500", Unreachable),
        ("to?where=file:///etc/passwd", Unacceptable),
        ("to?where=data:text/plain,x", Unacceptable),
        ("to?where=", Unacceptable),
        ("to?where=http://[::1", Unacceptable),
    ],
)
async def test_what_is_not_sound_is_refused(path: str, kind: type[CurvefeedError]) -> None:
    """Redirects without end or to other schemes, bodies beyond the limit whether declared or not,
    and compressed ones are refused for good; what a server may have later is tried again."""
    async with serving(stranger, STRANGER) as base, fetcher() as http:
        with pytest.raises(kind):
            await http.fetch(f"{base}/{path}", MOST)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",  # noqa: S104 - it is what is refused
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "169.254.169.254",
        "10.0.0.1",
        "[fd00::1]",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "user:secret@127.0.0.2",
        "127.0.0.1\\@127.0.0.2",
    ],
)
async def test_private_addresses_are_never_called(host: str) -> None:
    """However it is spelled, and also behind a redirect, an address that is not public is refused
    before anybody there hears of us."""
    heard: list[str] = []

    async def secret(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.json_response({"description": "secret"})

    async with serving(secret) as private, serving(stranger, STRANGER) as base, fetcher() as http:
        port = urlsplit(private).port
        target = f"http://{host}:{port}/"
        for uri in (target, f"{base}/to?where={target}"):
            with pytest.raises(Unacceptable):
                await http.fetch(uri, MOST)
    assert not heard


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("::ffff:1.1.1.1", True),
        ("100.64.0.1", False),
        ("192.168.1.1", False),
        ("172.16.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("2001:0:7f00:1::", False),
    ],
)
def test_what_is_public(address: str, expected: bool) -> None:
    """Only what anybody on the internet can be called at, and nothing by way of a tunnel."""
    assert is_public(address) is expected


async def test_a_name_is_resolved_once_and_the_connection_goes_where_it_was_judged() -> None:
    """A name that is public when it is judged and private a moment later (DNS rebinding) leads to
    the address that was judged; with one private address among several it leads nowhere."""
    heard: list[str] = []

    async def secret(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.json_response({})

    answers = [[STRANGER], ["127.0.0.1"], [STRANGER, "127.0.0.1"]]
    asked: list[str] = []

    async def changing(name: str) -> Sequence[str]:
        asked.append(name)
        return answers[len(asked) - 1]

    async with serving(stranger, STRANGER) as base, fetcher(lookup=changing) as http:
        port = urlsplit(base).port
        private = web.Application()
        private.router.add_get("/{tail:.*}", secret)
        runner = web.AppRunner(private, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            body = await http.fetch(f"http://evil.example:{port}/ok", MOST)
            assert json.loads(body.data) == {"description": "fine"}
            assert asked == ["evil.example"]
            for _ in range(2):
                with pytest.raises(Unacceptable):
                    await http.fetch(f"http://evil.example:{port}/ok", MOST)
        finally:
            await runner.cleanup()
    assert asked == ["evil.example"] * 3
    assert not heard


async def test_unusual_ports_of_public_addresses_are_not_knocked_at() -> None:
    """A stranger can't have us look for open doors."""

    async def public(_: str) -> Sequence[str]:
        return ["93.184.215.14"]

    async with fetcher(lookup=public) as http:
        for uri in ("http://1.1.1.1:22/", "http://public.example:25/"):
            with pytest.raises(Unacceptable, match="port"):
                await http.fetch(uri, MOST)


async def test_a_server_that_dawdles_is_left() -> None:
    """Headers byte by byte, or a body that never comes, end with the time limit (slow loris)."""

    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readline()
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(dawdle, STRANGER, 0)
    async with server, fetcher(timeout_s=0.5) as http:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match="too long"):
            await http.fetch(f"http://{STRANGER}:{port}/", MOST)


async def test_gateways_are_tried_in_their_order() -> None:
    """An ipfs address is asked for at each gateway until one has it; a gateway's own address that
    fails is asked for at ours."""
    cid = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
    paths: list[str] = []

    async def gateway(request: web.Request) -> web.Response:
        paths.append(request.path)
        is_there = request.path == f"/ipfs/{cid}/a.json"
        return web.json_response({}) if is_there else web.Response(status=504)

    async def empty(request: web.Request) -> web.Response:
        paths.append(f"empty {request.path}")
        return web.Response(status=504)

    async with serving(empty, STRANGER) as first, serving(gateway, STRANGER) as second:
        async with fetcher([first, second]) as http:
            for uri in (f"ipfs://{cid}/a.json", f"ipfs://ipfs/{cid}/a.json"):
                assert (await http.fetch(uri, MOST)).data == b"{}"
            assert paths == [f"empty /ipfs/{cid}/a.json", f"/ipfs/{cid}/a.json"] * 2
            paths.clear()
            assert (await http.fetch(f"{first}/ipfs/{cid}/a.json", MOST)).data == b"{}"
            assert paths == [f"empty /ipfs/{cid}/a.json", f"/ipfs/{cid}/a.json"]
        async with fetcher() as http:
            with pytest.raises(Unacceptable, match="gateway"):
                await http.fetch(f"ipfs://{cid}", MOST)


@pytest.mark.parametrize(
    "uri",
    ["", "u", "ftp://1.1.1.1/", "file:///etc/passwd", "http://", "ipfs://../x", "data:no comma",
     "data:a;base64,%%%", "http://" + "a" * 3_000, "http://a b/", "javascript:alert(1)"],
)  # fmt: skip
async def test_no_address_at_all(uri: str) -> None:
    """What is no address of a kind we know is refused without a call."""
    async with fetcher() as http:
        with pytest.raises(Unacceptable):
            await http.fetch(uri, MOST)


@pytest.mark.parametrize(
    "body",
    [
        Body("text/html", b"{}"),
        Body("image/png", b"{}"),
        Body("application/json", b"[]"),
        Body("application/json", b'"text"'),
        Body("application/json", b""),
        Body("application/json", b"{"),
        Body("application/json", b"\xff\xfe{}"),
        Body("application/json", DEEP.encode()),
        Body("application/json", (DEEP.replace("[", '{"a":') + "1").encode()),
    ],
    ids=["html", "image", "list", "text", "empty", "broken", "not utf-8", "deep list", "deep"],
)
def test_no_json_object(body: Body) -> None:
    """Another type, another value, broken and bottomless JSON are refused."""
    with pytest.raises(Unacceptable, match="JSON"):
        document_of(body)


def test_texts_are_cleaned_and_links_are_links() -> None:
    """Control characters go, long texts are cut, and what is no http(s) address is no link."""
    said = {
        "description": "a\x00b\u202e\x1bc\n" + "d" * 5_000,
        "image": 7,
        "website": "javascript:alert(1)",
        "twitter": "https://x.com/a",
        "extensions": {"telegram": "https://t.me/b", "website": "https://c.example/"},
    }
    found = document_of(Body("", json.dumps(said).encode()))
    assert found.description is not None
    assert found.description.startswith("abc\nddd")
    assert len(found.description) == 2_000
    assert found.image is None
    assert (found.website, found.twitter, found.telegram) == (
        None, "https://x.com/a", "https://t.me/b",
    )  # fmt: skip
