"""docs/adding-a-launchpad.md is true: its three blocks, put in place, make a launchpad."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from programs.interface import Interface, parse_interface
from tests.helpers.borsh import event_bytes, instruction_bytes
from tests.helpers.chain import Emits, MadeUp, Runs, key

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "adding-a-launchpad.md"
ASKS = """
import json, sys
from programs.decode_file import event_fields
from programs.decode import decode_logs, decode_transaction
from programs.registry import by_names
from programs.rpc_json import parse_transaction
chosen = by_names(["curvy", "pump"])
tx = parse_transaction(sys.stdin.read())
both = decode_transaction(tx, chosen), decode_logs(tx.logs, tx.err, chosen)
print(json.dumps([[event_fields(e) for e in one.events] for one in both]
    + [both[1].needs_transaction]))
"""


def block(language: str) -> str:
    """The one block of the page in a language."""
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of `programs` with one interface, one file and one line more."""
    copy = tmp_path / "programs"
    shutil.copytree(ROOT / "programs", copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "idl" / "curvy.json").write_text(block("json"))
    (copy / "curvy.py").write_text(block("python"))
    registry = copy / "registry.py"
    before = registry.read_text()
    registry.write_text(before.replace("NAMES = (\n", f"NAMES = (\n{block('text')}"))
    assert len(registry.read_text().splitlines()) == len(before.splitlines()) + 1
    (tmp_path / "common").symlink_to(ROOT / "common")
    return tmp_path


def ask(package: Path, transaction: dict[str, Any]) -> Any:
    """Events of a transaction by that copy."""
    done = subprocess.run(
        [sys.executable, "-c", ASKS],
        input=json.dumps(transaction),
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def launched_and_traded(interface: Interface) -> MadeUp:
    """A launch and a trade of each era, in one transaction."""
    accounts = (key("wallet"), key("pool"), key("mint"))
    names = {"name": "Curve", "symbol": "C", "uri": "ipfs://c", "supply": 1_000}
    launch = instruction_bytes(interface, "launch", names)
    swap = instruction_bytes(interface, "swap", {})
    values = {"mint": key("mint"), "user": key("wallet"), "is_buy": True, "base": 7, "quote": 9}
    old = event_bytes(interface, "SwapEvent", values, eras=1)
    new = event_bytes(interface, "SwapEvent", values | {"fee": 1}, tail=b"more")
    return MadeUp(
        [
            Runs(interface.id, [], accounts, launch, "Launch"),
            Runs(interface.id, [Emits(old)], accounts, swap, "Swap"),
            Runs(key("router"), [Runs(interface.id, [Emits(new)], accounts, swap, "Swap")]),
        ]
    )


def test_the_page_makes_a_launchpad(package: Path) -> None:
    """One interface, one file, one line: creation and trades of both eras are decoded."""
    interface = parse_interface(block("json").encode())
    whole, logged, needs_transaction = ask(package, launched_and_traded(interface).json())
    assert [event["kind"] for event in whole] == ["create", "buy", "buy"]
    assert (whole[0]["name"], whole[0]["supply"]) == ("Curve", 1_000)
    assert [event["fees"] for event in whole[1:]] == [{}, {"fee": 1}]
    assert [event["extra_bytes"] for event in whole[1:]] == [0, 4]
    assert [event["kind"] for event in logged] == ["buy", "buy"]
    assert needs_transaction, "the launch is only in the instructions"
