"""anchorpy as an independent decoder. Runs in an environment of its own; speaks JSON.

    oracle.py decode   stdin: [{"idl": legacy IDL, "program": address, "logs": [[line, …], …]}, …]
                       stdout: [[[event, …] for each list of lines] for each item]
    oracle.py bench    stdin: {"idl": …, "program": …, "frames": [base64 of a notification, …],
                               "payloads": [base64 of an event, …]}
                       stdout: {"notifications_per_s": …, "decode_s": …, "events": …}

An event is {"name", "data"}; keys in base58, enums as the name of their variant.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from typing import Any

from anchorpy import Coder, EventParser, Idl
from solders.pubkey import Pubkey


def parser_of(idl: dict[str, Any], program: str) -> EventParser:
    """anchorpy's log parser for one program."""
    return EventParser(Pubkey.from_string(program), Coder(Idl.from_json(json.dumps(idl))))


def plain(value: Any) -> Any:
    """anchorpy's values as JSON."""
    if isinstance(value, Pubkey):
        return str(value)
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if not name.startswith("_")}
    if hasattr(type(value), "_sumtype_constructor_names"):
        return repr(value).partition("(")[0].rpartition(".")[2]
    fields = getattr(value, "__dict__", {})
    return {name: plain(item) for name, item in fields.items() if not name.startswith("_")}


def decode(items: list[dict[str, Any]]) -> list[list[list[dict[str, Any]]]]:
    """Events of each list of log lines of each item."""
    answers = []
    for item in items:
        parser = parser_of(item["idl"], item["program"])
        answer = []
        for lines in item["logs"]:
            events: list[Any] = []
            parser.parse_logs(lines, events.append)
            answer.append([{"name": event.name, "data": plain(event.data)} for event in events])
        answers.append(answer)
    return answers


def bench(request: dict[str, Any]) -> dict[str, float]:
    """Best of three rounds: whole notifications per second, and seconds to decode one payload."""
    parser = parser_of(request["idl"], request["program"])
    frames = [base64.b64decode(frame) for frame in request["frames"]]
    payloads = [base64.b64decode(payload) for payload in request["payloads"]]
    whole, one, events = float("inf"), float("inf"), []
    for _ in range(3):
        events = []
        start = time.process_time()
        for frame in frames:
            value = json.loads(frame)["params"]["result"]["value"]
            if value["err"] is None:
                parser.parse_logs(value["logs"], events.append)
        whole = min(whole, time.process_time() - start)
        start = time.process_time()
        for payload in payloads:
            parser.coder.events.parse(payload)
        one = min(one, time.process_time() - start)
    return {
        "notifications_per_s": len(frames) / whole,
        "decode_s": one / len(payloads),
        "events": len(events),
    }


if __name__ == "__main__":
    work = {"decode": decode, "bench": bench}[sys.argv[1]]
    json.dump(work(json.load(sys.stdin)), sys.stdout)
