"""The page's files, as the API serves them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from api.server import ApiServer
from db.pool import Pool
from tests.conftest import SettingsFactory
from tests.helpers.rest import serving

SCRIPT = "/_next/static/chunks/one-0a1b.js"
TEXT = b"const one = 1;\n" * 100


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A built page of two files, one of them compressed as the build does it."""
    script = tmp_path / SCRIPT.lstrip("/")
    script.parent.mkdir(parents=True)
    script.write_bytes(TEXT)
    script.with_name(f"{script.name}.gz").write_bytes(gzip.compress(TEXT, mtime=0))
    script.with_name(f"{script.name}.br").write_bytes(b"brotli")
    (tmp_path / "trade").mkdir()
    (tmp_path / "trade" / "index.html").write_text("<!doctype html><title>trade</title>")
    return tmp_path


async def test_the_page_is_sent_as_the_build_compressed_it(
    pool: Pool, settings: SettingsFactory, page: Path
) -> None:
    """Scripts come in the best encoding that is accepted and are kept for ever; HTML is asked for
    anew and answered 304; the API is still there."""
    async with serving(ApiServer(settings(websocket_port=0), pool, page)) as http:
        for accepted, encoding in (
            ("gzip, br;q=0.9", "br"), ("gzip, br;q=0", "gzip"), ("deflate", None),
        ):  # fmt: skip
            async with http.stream("GET", SCRIPT, headers={"Accept-Encoding": accepted}) as answer:
                raw = b"".join([each async for each in answer.aiter_raw()])
            assert answer.headers.get("content-encoding") == encoding
            assert answer.headers["vary"] == "Accept-Encoding"
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["content-type"].startswith("text/javascript")
            assert raw == {"br": b"brotli", "gzip": gzip.compress(TEXT, mtime=0)}.get(
                encoding or "", TEXT
            )
        first = await http.get("/trade/")
        assert first.headers["cache-control"] == "no-cache"
        tag = {"If-None-Match": first.headers["etag"]}
        again = await http.get("/trade/", headers=tag)
        assert (again.status_code, again.content) == (304, b"")
        assert (await http.head("/trade/")).status_code == 200
        assert (await http.get("/trade")).headers["location"].endswith("/trade/")
        assert (await http.get(f"{SCRIPT}.none")).status_code == 404
        assert (await http.get("/api/v1/market/quote-prices")).status_code == 200
        assert (await http.post("/trade/")).status_code == 405
