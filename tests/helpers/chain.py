"""Transactions made up for tests: a tree of invocations, as logs and as getTransaction JSON."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from programs.keys import b58
from programs.program import EVENT_CPI

SYSTEM = bytes(32)
TOKEN = hashlib.sha256(b"token program").digest()
ROUTER = hashlib.sha256(b"router").digest()
EVIL = hashlib.sha256(b"evil").digest()
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def key(name: str) -> bytes:
    """A key that depends on its name alone."""
    return hashlib.sha256(name.encode()).digest()


def base58(raw: bytes) -> str:
    """Base58 of bytes of any length."""
    number = int.from_bytes(raw, "big")
    digits: list[str] = []
    while number:
        number, chunk = divmod(number, 58**10)  # ten digits at a time: big integers are slow
        for _ in range(10):
            chunk, digit = divmod(chunk, 58)
            digits.append(_ALPHABET[digit])
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(digits)).lstrip("1")


@dataclass
class Says:
    """A line that a program writes by msg!."""

    text: str


@dataclass
class Emits:
    """An event: logged, called, or both; `calls_first` as programs did until spring 2025."""

    payload: bytes
    logs: bool = True
    calls: bool = True
    calls_first: bool = False


@dataclass
class Runs:
    """One invocation of a program and what it does, in order."""

    program: bytes
    does: Sequence[Says | Emits | Runs] = ()
    accounts: Sequence[bytes] = ()
    data: bytes = b""
    name: str | None = None
    """Its instruction's name, as Anchor logs it."""

    def parts(self) -> Iterator[Says | Runs | bytes]:
        """What it does, events taken apart into data lines (bytes) and self-calls."""
        if self.name is not None:
            yield Says(f"Instruction: {self.name}")
        for part in self.does:
            if not isinstance(part, Emits):
                yield part
                continue
            call = Runs(self.program, accounts=(key("authority"),), data=EVENT_CPI + part.payload)
            both: list[Runs | bytes] = [part.payload] if part.logs else []
            if part.calls:
                both.insert(0 if part.calls_first else len(both), call)
            yield from both


@dataclass
class MadeUp:
    """A transaction of top-level invocations."""

    top: Sequence[Runs]
    signature: str = "1" * 64
    err: object | None = None
    heights: bool = True
    keys: list[bytes] = field(default_factory=list)

    def logs(self) -> list[str]:
        """What the runtime logs."""
        return [line for run in self.top for line in _lines(run, 1)]

    def json(self, version: int | str = 0, loaded: int = 0) -> dict[str, Any]:
        """getTransaction's result; the last `loaded` keys come from lookup tables."""
        top = [self._instruction(run, None) for run in self.top]
        inner = [
            {"index": index, "instructions": list(self._nested(run, 2))}
            for index, run in enumerate(self.top)
        ]
        names = [b58(one) for one in self.keys]
        static = names[: len(names) - loaded]
        message: dict[str, Any] = {"accountKeys": static, "instructions": top}
        if version == 1:
            message["transactionConfig"] = {"computeUnitLimit": 200_000}
        return {
            "slot": 7,
            "blockTime": 1_790_000_000,
            "version": version,
            "meta": {
                "err": self.err,
                "logMessages": self.logs(),
                "innerInstructions": [group for group in inner if group["instructions"]],
                "loadedAddresses": {"writable": names[len(static) :], "readonly": []},
            },
            "transaction": {"signatures": [self.signature], "message": message},
        }

    def _nested(self, run: Runs, height: int) -> Iterator[dict[str, Any]]:
        for part in run.parts():
            if isinstance(part, Runs):
                yield self._instruction(part, height)
                yield from self._nested(part, height + 1)

    def _instruction(self, run: Runs, height: int | None) -> dict[str, Any]:
        instruction: dict[str, Any] = {
            "programIdIndex": self._index(run.program),
            "accounts": [self._index(account) for account in run.accounts],
            "data": base58(run.data),
        }
        if height is not None and self.heights:
            instruction["stackHeight"] = height
        return instruction

    def _index(self, one: bytes) -> int:
        if one not in self.keys:
            self.keys.append(one)
        return self.keys.index(one)


def _lines(run: Runs, depth: int) -> Iterator[str]:
    name = b58(run.program)
    yield f"Program {name} invoke [{depth}]"
    for part in run.parts():
        if isinstance(part, Says):
            yield f"Program log: {part.text}"
        elif isinstance(part, bytes):
            yield f"Program data: {base64.b64encode(part).decode()}"
        else:
            yield from _lines(part, depth + 1)
    if run.program != SYSTEM:
        yield f"Program {name} consumed 2006 of 200000 compute units"
    yield f"Program {name} success"
