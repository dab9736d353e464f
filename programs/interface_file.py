"""`./run interface`: an IDL's file to the text of an interface file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from common.errors import GiveUp
from programs.anchor_idl import Wanted, interface_of
from programs.interface import InstructionKind


def read_interface(
    path: Path,
    name: str,
    events: Sequence[str],
    kinds: Mapping[InstructionKind, Sequence[str] | None],
) -> str:
    """The JSON for programs/idl/<name>.json. Raises GiveUp for what is no IDL."""
    try:
        idl = msgspec.json.decode(path.read_bytes(), type=dict)
    except msgspec.DecodeError as error:
        raise GiveUp(f"{path} is no JSON object", hint="Give an Anchor IDL") from error
    wanted = Wanted(
        name=name,
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        events=tuple(events),
        instructions={each: kind for kind, names in kinds.items() for each in names or ()},
    )
    return msgspec.json.format(msgspec.json.encode(interface_of(idl, wanted)), indent=2).decode()
