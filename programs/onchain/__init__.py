"""Programs of our own for chains on this machine: pump's interface, a router and a liar, in C."""

from __future__ import annotations

from pathlib import Path

from solders.pubkey import Pubkey

FOLDER = Path(__file__).parent

PUMP = Pubkey.from_string("6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P")
ROUTER = Pubkey.from_string("RouterCurvefeed1111111111111111111111111111")
HOSTILE = Pubkey.from_string("ForgerCurvefeed1111111111111111111111111111")
PROGRAM_IDS = {"pump": PUMP, "router": ROUTER, "hostile": HOSTILE}
"""Name of the C file → the address it is loaded at. Nobody has keys of these: genesis only."""


def binary(name: str, version: int = 0) -> bytes:
    """The committed ELF file of program `name`: sBPF 0 (for genesis) or 3 (also deployable)."""
    return (FOLDER / f"{name}_v{version}.so").read_bytes()
