"""Programs of one's own on the localnet: `--program ADDRESS=FILE.so`."""

from __future__ import annotations

from pathlib import Path

import msgspec
from solders.pubkey import Pubkey

from common.errors import SettingsError

_ELF = b"\x7fELF"
HINT = "Write --program ADDRESS=FILE.so, or LOCALNET_PROGRAMS=ADDRESS=FILE.so,…"


class OwnProgram(msgspec.Struct, frozen=True):
    """What to load at which address."""

    address: Pubkey
    elf: bytes


def own_programs(text: str) -> tuple[OwnProgram, ...]:
    """The programs of a comma-separated list. Raises SettingsError."""
    return tuple(_own_program(each.strip()) for each in text.split(",") if each.strip())


def _own_program(text: str) -> OwnProgram:
    address, _, file = text.partition("=")
    try:
        key = Pubkey.from_string(address)
    except ValueError:
        raise SettingsError(f"{address!r} is no address of a program", hint=HINT) from None
    try:
        elf = Path(file).expanduser().read_bytes()
    except OSError as error:
        raise SettingsError(f"{file!r} can't be read: {error.strerror}", hint=HINT) from None
    if not elf.startswith(_ELF):
        raise SettingsError(
            f"{file} is no program", hint="It is what `cargo build-sbf` or ./run program wrote: .so"
        )
    return OwnProgram(key, elf)
