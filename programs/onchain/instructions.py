"""Instructions for the router and the hostile program: calls and lies, spelled out in data."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from programs.onchain import HOSTILE, ROUTER

Step = tuple[bytes, list[AccountMeta]]
"""Data and accounts of one step of a script."""


def _call(instruction: Instruction) -> Step:
    data = bytes(instruction.data)
    program = AccountMeta(instruction.program_id, is_signer=False, is_writable=False)
    accounts = [program, *instruction.accounts]
    return struct.pack("<BH", len(accounts), len(data)) + data, accounts


def _joined(program: Pubkey, steps: Iterable[Step]) -> Instruction:
    data, accounts = b"", list[AccountMeta]()
    for step_data, step_accounts in steps:
        data += step_data
        accounts += step_accounts
    return Instruction(program, data, accounts)


def route(calls: Sequence[Instruction]) -> Instruction:
    """One instruction of the router that makes all `calls`, in order (≤ 64 accounts together)."""
    return _joined(ROUTER, map(_call, calls))


def show_data(data: bytes) -> Step:
    """A step that prints `Program data: <data>`."""
    return struct.pack("<BH", 0, len(data)) + data, []


def say(text: str) -> Step:
    """A step that prints `Program log: <text>`; newlines stay inside the one log entry."""
    raw = text.encode()
    return struct.pack("<BH", 1, len(raw)) + raw, []


def babble(text: str, times: int) -> Step:
    """A step that prints the same line `times` times, so that the log overflows."""
    raw = text.encode()
    return struct.pack("<BHH", 2, times, len(raw)) + raw, []


def really(instruction: Instruction) -> Step:
    """A step that makes a true call."""
    data, accounts = _call(instruction)
    return b"\x03" + data, accounts


def fail() -> Step:
    """A step that ends the transaction with custom error 13."""
    return b"\x04", []


def lie(steps: Sequence[Step]) -> Instruction:
    """One instruction of the hostile program that does all `steps`, in order."""
    return _joined(HOSTILE, steps)
