"""Programs of one's own on the localnet."""

from __future__ import annotations

from pathlib import Path

import pytest
from solders.pubkey import Pubkey

from common.errors import SettingsError
from localnet.node import Localnet, NodeOptions
from localnet.own_programs import OwnProgram, own_programs
from programs.onchain import binary
from tests.helpers.raw_rpc import RawRpc

ADDRESS = "RampExamp1e11111111111111111111111111111111"


async def test_a_program_is_there_from_the_first_slot_on(tmp_path: Path) -> None:
    """It is executable at its address, and still is after a fork."""
    file = tmp_path / "mine.so"
    file.write_bytes(binary("router"))
    programs = own_programs(f"{ADDRESS}={file}")
    async with Localnet(options=NodeOptions(programs=programs)) as net, RawRpc(net.rpc_url) as rpc:
        net.tick(2)
        net.fork(1)
        answer = await rpc("getAccountInfo", ADDRESS, {"encoding": "base64"})
    assert answer["value"]["executable"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense=x.so", "no address"),
        (ADDRESS, "can't be read"),
        (f"{ADDRESS}=/nowhere/x.so", "can't be read"),
        (f"{ADDRESS}={__file__}", "no program"),
    ],
)
def test_what_can_not_be_loaded_is_said(text: str, reason: str) -> None:
    """A wrong address, a missing file and a file that is something else have each a sentence."""
    with pytest.raises(SettingsError, match=reason):
        own_programs(text)


def test_a_program_that_the_machine_refuses() -> None:
    """A damaged program ends the start with its address, not with a panic."""
    damaged = OwnProgram(Pubkey.from_string(ADDRESS), binary("router")[:200])
    with pytest.raises(SettingsError, match=ADDRESS):
        Localnet(options=NodeOptions(programs=(damaged,)))
