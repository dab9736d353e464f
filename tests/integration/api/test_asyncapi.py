"""GET /asyncapi.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
from jsonschema import Draft7Validator

from tests.helpers.npm import npm_folder
from tests.integration.api.conftest import Serve

SPECS = Path(__file__).resolve().parents[2] / "conformance" / "specs"


async def test_the_document_is_asyncapi_3(serve: Serve) -> None:
    """What is served is valid by the AsyncAPI project's own schema of version 3.0.0, and names the
    server it was asked at."""
    folder = await npm_folder(SPECS) / "node_modules" / "@asyncapi" / "specs" / "schemas"
    schema: dict[str, Any] = json.loads((folder / "3.0.0.json").read_text())
    server = await serve()
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"http://127.0.0.1:{server.port}/asyncapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    document = answer.json()
    validator = Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(document)] == []
    assert document["servers"]["here"] == {"host": f"127.0.0.1:{server.port}", "protocol": "ws"}
    # It could also say no.
    del document["channels"]["websocket"]["messages"]["Subscribe"]["$ref"]
    document["channels"]["websocket"]["nonsense"] = 1
    assert list(validator.iter_errors(document))
