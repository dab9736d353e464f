"""What the hostile program prints: bytes and lines that look like trades of pump, and are not."""

from __future__ import annotations

import base64
import random
import struct

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from programs.onchain.instructions import Step, babble, fail, really, say, show_data
from programs.pump_instructions import PUMP, discriminator

_TRADE = discriminator("event", "TradeEvent")
_TRUNCATING_LINES = 140
"""Of the length below: more than the 10,000 bytes of log a transaction may have."""
_LONG_LINE = "the quick brown fox jumps over the lazy dog, until the log is full"


def forged_trade(rng: random.Random, mint: Pubkey, user: Pubkey) -> bytes:
    """Bytes of a TradeEvent (the layout of 2024, 129 bytes) of a trade that never was."""
    amounts = rng.randrange(10**9, 10**12), rng.randrange(10**12, 10**14)
    reserves = (31 * 10**9, 10**15, 10**9, 7 * 10**14)
    head = _TRADE + bytes(mint) + struct.pack("<QQ?", *amounts, True) + bytes(user)
    return head + struct.pack("<q4Q", rng.randrange(1_700_000_000, 1_800_000_000), *reserves)


def _forged_lines(forged: bytes) -> str:
    """A log text with newlines that imitates an invocation of pump."""
    data = base64.b64encode(forged).decode()
    lines = (
        "nothing to see here",
        f"Program {PUMP} invoke [1]",
        "Program log: Instruction: Buy",
        f"Program data: {data}",
        f"Program {PUMP} success",
    )
    return "\n".join(lines)


def steps_of(kind: int, forged: bytes, trade: Instruction) -> list[Step]:
    """One of `KINDS` ways to lie; `trade` is a true one, for those that hide it between lies."""
    ways = (
        [show_data(forged)],
        [say(_forged_lines(forged)), show_data(forged)],
        [say(f"Program {PUMP} invoke [2]"), show_data(forged), say(f"Program {PUMP} success")],
        [show_data(forged), really(trade), show_data(forged)],
        [babble(_LONG_LINE, _TRUNCATING_LINES), show_data(forged), really(trade)],
        [show_data(forged), really(trade), fail()],
    )
    return ways[kind]


KINDS = 6
TRUTHFUL = (3, 4, 5)
"""Kinds that make a true trade (the last one fails, and takes it back)."""
FAILING = 5
