"""`python -m benchmarks.agreement MINUTES`: trade on a localnet for a while, then compare what was
derived with what the chain holds: every position with its token account, every token's holders,
and what trades cost and brought in with how the wallets' lamports changed.

Prints one JSON line; exit status 1 unless all of it agrees.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from common.settings import load_settings
from db.connect import database_url
from db.pool import Pool, pool_of
from indexer.rpc import Node
from programs.keys import b58, signature_b58

ROOT = Path(__file__).resolve().parent.parent
CHAIN_PORT = 19_899
RPC_URL = f"http://127.0.0.1:{CHAIN_PORT}"
TRADES_PER_SECOND = 20
SETTLED_S = 180
SAMPLE = 400
TOKEN_PROGRAMS = (
    "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
    "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb",
)


class Verdict(msgspec.Struct):
    """What was compared, and what of it differed."""

    minutes: float
    trades: int = 0
    positions: int = 0
    wrong_positions: int = 0
    tokens: int = 0
    wrong_holders: int = 0
    payments: int = 0
    """Transactions whose wallet paid or received nothing but its trades and the network's fee."""
    wrong_payments: int = 0
    wrong_sums: int = 0
    """Positions where cost of what is held is not paid less received plus realized."""


@contextmanager
def processes(folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """Chain, indexer and traders, as one starts them by hand; gives the traders."""
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "SOLANA_RPC_URL")}
    env = {**kept, "DATA_DIR": folder, "LOCALNET_PORT": str(CHAIN_PORT), "LOG_LEVEL": "warning"}
    outside = {**env, "SOLANA_RPC_URL": RPC_URL, "INDEXER_START_SLOT": "0"}
    pace = ["--trades-per-second", str(TRADES_PER_SECOND)]
    started: list[subprocess.Popen[bytes]] = []

    def start(environment: Mapping[str, str], *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), *command], env=environment
        )
        started.append(process)
        return process

    try:
        start(env, "localnet")
        time.sleep(5)
        start({**outside, "RPC_REQUESTS_PER_SECOND": "10000"}, "index")
        yield start(outside, "traders", *pace)
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(60)


async def settled(pool: Pool, node: Node) -> None:
    """Wait until everything up to the chain's tip of now is verified."""
    tip = await node.call("getSlot", [{"commitment": "confirmed"}], int)
    deadline = time.monotonic() + SETTLED_S
    while not await pool.fetchval("SELECT bool_and(slot >= $1) FROM checkpoints", tip):
        if time.monotonic() > deadline:
            raise TimeoutError("the frontier does not reach the tip")
        await asyncio.sleep(1)


async def balances(node: Node, wallet: bytes) -> dict[str, int]:
    """What the wallet's token accounts hold, by mint."""
    held: dict[str, int] = defaultdict(int)
    for program in TOKEN_PROGRAMS:
        options = {"encoding": "jsonParsed", "commitment": "confirmed"}
        params = [b58(wallet), {"programId": program}, options]
        answer: Any = await node.call("getTokenAccountsByOwner", params, dict)
        for account in answer["value"]:
            info = account["account"]["data"]["parsed"]["info"]
            held[info["mint"]] += int(info["tokenAmount"]["amount"])
    return held


async def compare_balances(pool: Pool, node: Node, verdict: Verdict) -> None:
    """Positions and holders with token accounts."""
    rows = await pool.fetch("SELECT * FROM positions ORDER BY wallet")
    wallets = {row["wallet"] for row in rows}
    held = {wallet: await balances(node, wallet) for wallet in wallets}
    holders: Counter[str] = Counter()
    for of_wallet in held.values():
        holders.update(mint for mint, amount in of_wallet.items() if amount)
    for row in rows:
        verdict.positions += 1
        verdict.wrong_positions += (
            held[row["wallet"]].get(b58(row["mint"]), 0) != row["base_amount"]
        )
        flow = row["bought_quote"] - row["sold_quote"] + row["realized_quote"]
        verdict.wrong_sums += row["cost_quote"] != flow
    for row in await pool.fetch("SELECT mint, holders FROM tokens"):
        verdict.tokens += 1
        verdict.wrong_holders += holders[b58(row["mint"])] != row["holders"]


_PAYMENTS = """
    SELECT signature, wallet, sum(CASE WHEN is_buy THEN -user_quote_amount
                                       ELSE user_quote_amount END) AS flow
    FROM trades WHERE NOT retracted GROUP BY signature, wallet ORDER BY signature LIMIT 20000"""


async def compare_payments(pool: Pool, node: Node, verdict: Verdict) -> None:
    """How lamports changed, where nothing but trades and the fee can have changed them."""
    for row in await pool.fetch(_PAYMENTS):
        if verdict.payments >= SAMPLE:
            break
        raw = await node.transaction(signature_b58(row["signature"]))
        change = None if raw is None else lamports(json.loads(raw), row["wallet"])
        if change is not None:
            verdict.payments += 1
            verdict.wrong_payments += change != row["flow"]


def lamports(transaction: Any, wallet: bytes) -> int | None:
    """By how much a wallet's balance changed, its fee aside; None where an account was made or
    closed, whose rent would be in it.
    """
    meta, message = transaction["meta"], transaction["transaction"]["message"]
    keys = [key if isinstance(key, str) else key["pubkey"] for key in message["accountKeys"]]
    before, after = meta["preBalances"], meta["postBalances"]
    for old, new in zip(before, after, strict=True):
        if (old == 0) != (new == 0):
            return None
    at = keys.index(b58(wallet))
    return int(after[at] - before[at]) + (int(meta["fee"]) if at == 0 else 0)


async def agreement(minutes: float) -> Verdict:
    """Run, then compare."""
    verdict = Verdict(minutes=minutes)
    with tempfile.TemporaryDirectory(prefix="curvefeed-agreement-") as folder:
        settings = load_settings(data_dir=Path(folder))
        with processes(folder) as traders:
            await asyncio.sleep(minutes * 60)
            traders.terminate()
            await asyncio.to_thread(traders.wait, 60)
            async with (
                database_url(settings) as url,
                pool_of(url, 2) as pool,
                Node(RPC_URL, "confirmed", None) as node,
            ):
                await settled(pool, node)
                verdict.trades = await pool.fetchval("SELECT count(*) FROM trades")
                await compare_balances(pool, node, verdict)
                await compare_payments(pool, node, verdict)
    return verdict


def main() -> None:
    """See above."""
    verdict = asyncio.run(agreement(float(sys.argv[1]) if len(sys.argv) > 1 else 60))
    print(msgspec.json.encode(verdict).decode())
    wrong = (
        verdict.wrong_positions, verdict.wrong_holders, verdict.wrong_payments, verdict.wrong_sums
    )  # fmt: skip
    sys.exit(int(any(wrong) or not verdict.payments))


if __name__ == "__main__":
    main()
