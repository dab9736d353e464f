"""The REST API as its OpenAPI document describes it: complete, with examples, and kept."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import jsonschema
import pytest

from db.pool import Pool
from tests.helpers.rest import market, store
from tests.integration.api.conftest import Serve

HISTORY = ("/api/v1/tokens", "/api/v1/wallets", "/api/v1/market", "/api/v1/search")
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance",
)  # fmt: skip
OURS = "^/api/v1/(tokens|wallets|market|search|completeness|auth|websocket/(stats|rooms)|config)"
_MOST_S = 200


@pytest.fixture
def is_direct() -> bool:
    """REST doesn't depend on the output path."""
    return True


@pytest.fixture
async def http(serve: Serve) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a served API."""
    server = await serve()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        yield client


def _with_definitions(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "components": document["components"]}


async def test_every_answer_has_an_example(http: httpx2.AsyncClient) -> None:
    """Each route of the history shows an example that is what its schema says."""
    document = (await http.get("/openapi.json")).json()
    shown = 0
    for path, operations in document["paths"].items():
        content = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        if not path.startswith(HISTORY) or "application/json" not in content:
            continue
        body = content["application/json"]
        if path.endswith(("/metadata", "/quote-prices")):
            continue  # their fields have theirs
        jsonschema.validate(body["example"], _with_definitions(body["schema"], document))
        shown += 1
    assert shown >= 17


@pytest.mark.timeout(240)  # a process of its own, which a busy machine makes wait
async def test_a_fuzzer_finds_nothing(http: httpx2.AsyncClient, pool: Pool, tmp_path: Path) -> None:
    """Whatever fits or does not fit the document, no answer is a 5xx or one it does not name."""
    await store(pool, *market(Random(3), 40))
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")), "run", f"http://127.0.0.1:{http.base_url.port}/openapi.json",
        "--checks", ",".join(CHECKS), "--include-path-regex", OURS,
        "--phases", "examples,fuzzing", "--max-examples", "3", "--seed", "1",
        "--no-shrink", "--suppress-health-check", "all", "--workers", "1", "--warnings", "off",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_MOST_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode(errors="replace")[-6_000:]
