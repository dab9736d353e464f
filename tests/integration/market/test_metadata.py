"""Tokens' own words and pictures: found, fetched, made small, served; hostile ones survived."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from aiohttp import web
from PIL import Image

from api.server import ApiServer
from common.settings import Settings
from db import metadata, prices
from db.feed import OUTAGE
from db.pool import Pool, pool_of
from indexer.market.metadata.addresses import Guard, networks_of
from indexer.market.metadata.errors import Unacceptable
from indexer.market.metadata.fetch import Fetcher
from indexer.market.metadata.places import Body
from indexer.market.metadata.thumbnails import thumbnail_of
from indexer.market.metadata.worker import MAX_ATTEMPTS, MetadataWorker, follow_metadata
from indexer.market.run import run_market
from localnet.node import Localnet
from localnet.traders.pictures import described_inline
from programs.keys import b58
from tests.conftest import SettingsFactory
from tests.helpers.indexing import until
from tests.helpers.web import serving

STRANGER = "127.0.0.2"


def picture(kind: str, size: tuple[int, int] = (300, 200), colour: str = "#c04060") -> bytes:
    """An encoded picture of one colour."""
    out = io.BytesIO()
    more = {"exif": b"Exif\0\0secret"} if kind == "JPEG" else {}
    Image.new("RGB", size, colour).save(out, kind, **more)
    return out.getvalue()


def png(width: int, height: int, rows: bytes) -> bytes:
    """A PNG of one bit a pixel, whatever its header says."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = zlib.compress(rows, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def opened(image: bytes) -> Image.Image:
    """As a browser sees it."""
    return Image.open(io.BytesIO(image))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_pictures_are_encoded_anew(kind: str) -> None:
    """Whatever a picture was, what is kept is a WebP of 128 pixels a side at most, with nothing in
    it but pixels."""
    small = await thumbnail_of(Body("image/any", picture(kind)))
    with opened(small) as image:
        assert (image.format, image.size) == ("WEBP", (128, 85))
        red, green, blue = image.convert("RGB").getpixel((60, 40))  # type: ignore[misc]
        assert abs(red - 0xC0) + abs(green - 0x40) + abs(blue - 0x60) < 24
    assert b"secret" not in small


async def test_pixel_art_stays_sharp() -> None:
    """A picture of a few pixels is enlarged without blurring: it keeps its colours."""
    out = io.BytesIO()
    art = Image.new("RGB", (8, 8), "#102030")
    art.putpixel((3, 3), (255, 255, 0))
    art.save(out, "PNG")
    with opened(await thumbnail_of(Body("image/png", out.getvalue()))) as image:
        assert image.size == (128, 128)
        colours = image.convert("RGB").getcolors()
    assert colours is not None
    assert sorted(colour for _, colour in colours) == [(16, 32, 48), (255, 255, 0)]


SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
HOSTILE = {
    "svg": Body("image/svg+xml", SVG),
    "svg that says it is a png": Body("image/png", SVG),
    "page": Body("text/html", picture("PNG")),
    "nothing": Body("image/png", b""),
    "cut off": Body("image/png", picture("PNG")[:60]),
    "bitmap": Body("image/bmp", picture("BMP")),
    "bomb that says so": Body("image/png", png(60_000, 60_000, b"")),
    "bomb": Body("image/png", png(20_000, 20_000, b"\0" * (2_501 * 20_000))),
    "long and thin": Body("image/png", png(2**31 - 1, 1, b"")),
    "gif without end": Body("image/gif", picture("GIF")[:30] * 3),
    "webp that is not": Body("image/webp", b"RIFF\xff\xff\xff\xffWEBPVP8X" + b"\xff" * 90),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_pictures_are_refused(name: str) -> None:
    """No SVG, no page, nothing broken and no decompression bomb gets through, whatever it says it
    is."""
    with pytest.raises(Unacceptable):
        await thumbnail_of(HOSTILE[name])


@asynccontextmanager
async def working(pool: Pool) -> AsyncIterator[MetadataWorker]:
    """A worker to step by hand, that takes the stranger for public."""
    async with Fetcher(Guard(networks_of(f"{STRANGER}/32"))) as fetcher:
        yield MetadataWorker(pool, fetcher)


async def named(pool: Pool, number: int, uri: str | None) -> bytes:
    """A token of that URI."""
    mint = bytes([number]) * 32
    await pool.execute(
        "INSERT INTO tokens (id, mint, program, uri, first_seq) VALUES ($3, $1, 'pump', $2, $4)",
        mint, uri, number, number,
    )  # fmt: skip
    return mint


async def of(pool: Pool, mint: bytes) -> metadata.Metadata:
    """What is known of it."""
    return (await metadata.metadata_of(pool, [mint]))[mint]


@asynccontextmanager
async def api(settings: Settings, pool: Pool) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a served API."""
    server = ApiServer(settings, pool, None, "no page in this test")
    await server.start()
    try:
        url = f"http://127.0.0.1:{server.port}/api/v1/tokens/"
        async with httpx2.AsyncClient(base_url=url) as http:
            yield http
    finally:
        await server.stop()


async def test_a_token_gets_its_words_and_its_picture(
    pool: Pool, settings: SettingsFactory
) -> None:
    """A token's JSON is fetched once, its picture made small, and both are served: the picture with
    an ETag that spares sending it again."""

    async def stranger(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path == "/t.json":
            said = {"description": "A token", "image": f"{base}/t.png", "website": "https://a.b/"}
            return web.json_response(said)
        return web.Response(body=picture("PNG"), content_type="image/png")

    asked: list[str] = []
    async with serving(stranger, STRANGER) as base, working(pool) as worker:
        mint = await named(pool, 1, f"{base}/t.json")
        await named(pool, 2, None)
        await named(pool, 3, "")
        assert await worker.step() == 1
        assert await worker.step() == 0
    assert asked == ["/t.json", "/t.png"]
    assert (await of(pool, mint)).state == "done"
    async with api(settings(websocket_port=0), pool) as http:
        words = (await http.get(f"{b58(mint)}/metadata")).json()
        assert (words["description"], words["website"]) == ("A token", "https://a.b/")
        assert words["has_image"] is True
        image = await http.get(f"{b58(mint)}/image")
        assert image.headers["content-type"] == "image/webp"
        assert image.headers["x-content-type-options"] == "nosniff"
        with opened(image.content) as shown:
            assert shown.size == (128, 85)
        tag = {"If-None-Match": image.headers["etag"]}
        again = await http.get(f"{b58(mint)}/image", headers=tag)
        assert (again.status_code, again.content) == (304, b"")
        for path in ("metadata", "image"):
            missing = await http.get(f"{b58(bytes([2]) * 32)}/{path}")
            assert missing.status_code == 404


async def test_what_fails_is_tried_again_later_and_in_the_end_given_up(pool: Pool) -> None:
    """A server that is away is asked again after 30 s, 2 min and so on, not at once, and six times
    in all; what it had to say by then is kept. What is no JSON is not asked for twice."""
    is_up = False

    async def stranger(request: web.Request) -> web.Response:
        if request.path == "/page":
            return web.Response(text="<html>", content_type="text/html")
        if not is_up or request.path == "/never":
            return web.Response(status=503)
        return web.json_response({"description": "back"})

    async with serving(stranger, STRANGER) as base, working(pool) as worker:
        later = await named(pool, 1, f"{base}/t.json")
        never = await named(pool, 2, f"{base}/never")
        page = await named(pool, 3, f"{base}/page")
        private = await named(pool, 4, "http://127.0.0.1/t.json")
        await worker.step()
        assert (await of(pool, later)).state == "due"
        assert {(await of(pool, mint)).state for mint in (page, private)} == {"given_up"}
        wait_s = "SELECT extract(epoch FROM due_at - now()) FROM token_metadata WHERE mint = $1"
        assert 0 < await pool.fetchval(wait_s, later) <= 30
        assert await worker.step() == 0
        is_up = True
        for _ in range(MAX_ATTEMPTS - 1):
            await pool.execute("UPDATE token_metadata SET due_at = now() WHERE state = 'due'")
            await worker.step()
    found = await of(pool, later)
    assert (found.state, found.description) == ("done", "back")
    found = await of(pool, never)
    assert (found.state, found.error) == ("given_up", "it can't be had now (status=503)")


async def test_words_stay_when_the_picture_is_bad(pool: Pool) -> None:
    """A token whose picture is refused keeps its description, and the reason is written down."""
    said = json.dumps({"description": "words", "image": "data:image/svg+xml,<svg/>"})
    inline = f"data:application/json;base64,{base64.b64encode(said.encode()).decode()}"
    async with working(pool) as worker:
        mint = await named(pool, 1, inline)
        await worker.step()
    found = await of(pool, mint)
    assert (found.state, found.description, found.has_image) == ("done", "words", False)
    assert found.error is not None
    assert "picture" in found.error


async def test_the_demos_tokens_bring_their_pictures(pool: Pool) -> None:
    """A token of the demo's traders gets its picture without anybody being called."""
    async with Fetcher(Guard(), lookup=_nobody) as fetcher:
        mint = await named(pool, 1, described_inline("Jolly Otter OTTER"))
        await MetadataWorker(pool, fetcher).step()
    found = await metadata.thumbnail(pool, mint)
    assert found is not None
    with opened(found[0]) as image:
        assert image.size == (128, 128)


async def test_it_can_be_switched_off(pool: Pool, settings: SettingsFactory) -> None:
    """With METADATA_ENABLED=false nothing is looked for and nobody is called."""
    await named(pool, 1, described_inline("Jolly Otter OTTER"))
    await follow_metadata(settings(metadata_enabled=False), pool)
    assert await pool.fetchval("SELECT count(*) FROM token_metadata") == 0


async def test_a_failure_takes_nothing_else_down(
    pool: Pool, settings: SettingsFactory, localnet: Localnet
) -> None:
    """While the database refuses the worker's statements prices go on and nobody's process ends;
    afterwards the work goes on, too."""
    mint = await named(pool, 1, described_inline("Jolly Otter OTTER"))
    await pool.execute("ALTER TABLE token_metadata RENAME TO elsewhere")
    market = asyncio.create_task(run_market(settings(localnet_port=localnet.port), pool))
    try:

        async def has_price() -> bool:
            return bool(await prices.newest(pool))

        async def has_picture() -> bool:
            return await metadata.thumbnail(pool, mint) is not None

        await until(has_price, "a price")
        await pool.execute("ALTER TABLE elsewhere RENAME TO token_metadata")
        await until(has_picture, "a picture")
        assert not market.done()
    finally:
        market.cancel()
        await asyncio.gather(market, return_exceptions=True)


async def test_an_outage_in_the_middle_is_waited_for(pool: Pool, database_url: str) -> None:
    """Where the database goes away while tokens are being fetched, the worker says so as an outage
    and not as a failure of its own."""

    async def stranger(_: web.Request) -> web.Response:
        await other.close()
        return web.json_response({})

    async with serving(stranger, STRANGER) as base:
        await named(pool, 1, f"{base}/t.json")
        async with pool_of(database_url, 4) as other, working(other) as worker:
            with pytest.raises(OUTAGE):
                await worker.step()


async def _nobody(name: str) -> list[str]:
    raise AssertionError(f"somebody asked for {name}")


async def test_workers_share_the_work(pool: Pool) -> None:
    """Two workers on one database fetch each token once."""
    asked: list[str] = []

    async def stranger(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({})

    async with serving(stranger, STRANGER) as base, working(pool) as one, working(pool) as other:
        for number in range(1, 21):
            await named(pool, number, f"{base}/{number}")
        while sum(await asyncio.gather(one.step(), other.step())):
            pass
    assert sorted(asked, key=lambda path: int(path[1:])) == [f"/{n}" for n in range(1, 21)]
