"""Has a program been upgraded under us? Shares of what its interface does not explain.

Three signs: discriminators the interface does not have, bytes behind the last known field, and
trade instructions that gave no trade. One of each is news from the chain, a share of the traffic
is an upgrade. Pure: the caller hands in what it decodes and says aloud what comes back.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from programs.decode import Decoded
from programs.events import Traded

Sign = Literal["unknown_event", "unknown_instruction", "extra_bytes", "silent_instruction"]
SIGNS: tuple[Sign, ...] = (
    "unknown_event",
    "unknown_instruction",
    "extra_bytes",
    "silent_instruction",
)

_WINDOW = 4_000
"""Transactions of a program after which older ones count half."""
_MAX_DISCRIMINATORS = 64
"""Remembered per program: the rest is still counted."""


class Alarm(msgspec.Struct, frozen=True):
    """A share rose above the threshold (`is_raised`) or fell below half of it."""

    program: str
    sign: Sign
    is_raised: bool
    share: float
    discriminator: str | None
    """Hexadecimal, of the unknown event or instruction seen most."""
    signature: str
    """A transaction in which the sign was seen last."""


class _Tally:
    """Counts of one sign of one program."""

    def __init__(self) -> None:
        self.seen = 0.0
        self.of = 0.0
        self.signature = ""
        self.discriminators: dict[bytes, int] = {}
        self.is_raised = False

    def add(self, seen: int, of: int, signature: str) -> None:
        self.seen += seen
        self.of += of
        if seen:
            self.signature = signature

    def name(self, discriminator: bytes) -> None:
        known = self.discriminators
        if discriminator in known or len(known) < _MAX_DISCRIMINATORS:
            known[discriminator] = known.get(discriminator, 0) + 1

    @property
    def share(self) -> float:
        return self.seen / self.of if self.of else 0.0

    def verdict(self, program: str, sign: Sign) -> Alarm:
        most = max(self.discriminators, key=lambda d: self.discriminators[d], default=None)
        name = most.hex() if most is not None else None
        return Alarm(program, sign, self.is_raised, self.share, name, self.signature)


class Drift:
    """Shares per program and sign. `threshold`: above it an alarm is raised, once `least`
    transactions of the program were seen."""

    def __init__(self, threshold: float = 0.02, least: int = 50) -> None:
        self._threshold = threshold
        self._least = least
        self._transactions: dict[str, int] = {}
        self._tallies: dict[tuple[str, Sign], _Tally] = {}

    def observe(self, decoded: Decoded, signature: str) -> list[Alarm]:
        """Take in a transaction, decoded as far as it will be; alarms that change by it."""
        programs = self._count(decoded, signature)
        changes: list[Alarm] = []
        for program in sorted(programs):
            number = self._transactions[program] = self._transactions.get(program, 0) + 1
            changes += self._changes(program, number)
            if number % _WINDOW == 0:
                self._forget_half(program)
        return changes

    def share(self, program: str, sign: Sign) -> float:
        """Share of a sign in the recent traffic of a program, 0 … 1."""
        return self._tally(program, sign).share

    def _tally(self, program: str, sign: Sign) -> _Tally:
        return self._tallies.setdefault((program, sign), _Tally())

    def _count(self, decoded: Decoded, signature: str) -> set[str]:
        trades: dict[str, int] = {}
        programs: set[str] = set()
        for event in decoded.events:
            programs.add(event.program)
            self._tally(event.program, "extra_bytes").add(event.extra_bytes > 0, 1, signature)
            self._tally(event.program, "unknown_event").add(0, 1, signature)
            self._tally(event.program, "unknown_instruction").add(0, 1, signature)
            if isinstance(event, Traded):
                trades[event.program] = trades.get(event.program, 0) + 1
        for unknown in decoded.unknown:
            programs.add(unknown.program)
            sign: Sign = "unknown_event" if unknown.what == "event" else "unknown_instruction"
            self._tally(unknown.program, sign).add(1, 1, signature)
            self._tally(unknown.program, sign).name(unknown.discriminator)
        for share in decoded.shares:
            programs.add(share.program)
            missing = max(0, share.instructions - share.trades)
            self._tally(share.program, "silent_instruction").add(
                missing, share.instructions, signature
            )
            trades.pop(share.program, None)
        for program, count in trades.items():
            self._tally(program, "silent_instruction").add(0, count, signature)
        return programs

    def _changes(self, program: str, transactions: int) -> list[Alarm]:
        changes: list[Alarm] = []
        for sign in SIGNS:
            tally = self._tally(program, sign)
            rises = tally.share > self._threshold and transactions >= self._least
            falls = tally.share < self._threshold / 2
            if (rises and not tally.is_raised) or (falls and tally.is_raised):
                tally.is_raised = rises
                changes.append(tally.verdict(program, sign))
        return changes

    def _forget_half(self, program: str) -> None:
        for sign in SIGNS:
            tally = self._tally(program, sign)
            tally.seen /= 2
            tally.of /= 2
