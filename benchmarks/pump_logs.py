"""Notifications as a node sends them for pump: a router's buy of 40 log lines with one event."""

from __future__ import annotations

import base64
import random
import struct

import msgspec

from programs.keys import signature_b58

PUMP = "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P"
ROUTER = "BSfD6SHZigAfDWSjzD5Q41jw8LmKwtmjskPH9XW1mrRW"
FEES = "pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ"
SPL = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
BUDGET = "ComputeBudget111111111111111111111111111111"
ASSOCIATED = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
SYSTEM = "11111111111111111111111111111111"
TRADE = bytes.fromhex("bddb7fd34ee661ee")


def trade_event(random_: random.Random, known_to_peer: bool = False) -> bytes:
    """A TradeEvent of the newest layout; without the field that no interface names, for peers."""
    sol, base = random_.randrange(10**6, 10**11), random_.randrange(10**9, 10**14)
    key = random_.randbytes
    body = TRADE + struct.pack("<32sQQ?32sq", key(32), sol, base, True, key(32), 1_791_251_403)
    body += struct.pack("<QQQQ", 30 * 10**9 + sol, 10**15, sol, 7 * 10**14)
    body += struct.pack("<32sQQ32sQQ", key(32), 95, sol // 100, key(32), 30, sol // 300)
    body += struct.pack("<?QQQq", True, 1, 2, 3, 1_791_251_403)
    body += struct.pack("<I3s?QQQQ", 3, b"buy", False, 0, 0, 50, sol // 200)
    body += struct.pack("<I32sQQQ", 0, bytes(32), sol, 30 * 10**9 + sol, sol)
    body += struct.pack("<QQ", 0, 0)
    return body if known_to_peer else body + struct.pack("<Q", 613_900)


def _ran(program: str, depth: int, *inside: str) -> list[str]:
    used = [f"Program {program} consumed 4645 of 179974 compute units"] * (program != SYSTEM)
    start, end = f"Program {program} invoke [{depth}]", f"Program {program} success"
    return [start, *inside, *used, end]


def lines(payload: bytes) -> list[str]:
    """40 log lines around the event."""
    transfer = _ran(SPL, 3, "Program log: Instruction: TransferChecked")
    fees = _ran(
        FEES,
        3,
        "Program log: Instruction: GetFees",
        f"Program return: {FEES} AAAAAAAAAABfAAAAAAAAAB4AAAAAAAAA",
    )
    event = f"Program data: {base64.b64encode(payload).decode()}"
    inner = [*fees, *transfer, *(_ran(SYSTEM, 3) * 3), event, *_ran(PUMP, 3)]
    pump = _ran(PUMP, 2, "Program log: Instruction: Buy", *inner)
    said = "Program log: route 1 of 1"
    budget = _ran(BUDGET, 1)
    del budget[1]
    account = _ran(ASSOCIATED, 1, "Program log: CreateIdempotent")
    paid = "Program log: out 126235294117647"
    routed = _ran(ROUTER, 1, said, *pump, paid)
    return [*budget, *budget, *account, *routed, *_ran(SYSTEM, 1), *_ran(SYSTEM, 1)]


def notifications(count: int, seed: int = 1, known_to_peer: bool = False) -> list[bytes]:
    """Frames of a logsSubscribe subscription, each of its own signature, mint and wallet."""
    random_ = random.Random(seed)
    return [
        msgspec.json.encode(
            {
                "jsonrpc": "2.0",
                "method": "logsNotification",
                "params": {
                    "result": {
                        "context": {"slot": 453_758_355 + number},
                        "value": {
                            "signature": signature_b58(random_.randbytes(64)),
                            "err": None,
                            "logs": lines(trade_event(random_, known_to_peer)),
                        },
                    },
                    "subscription": 24_040,
                },
            }
        )
        for number in range(count)
    ]
