"""The check of what is folded sees every kind of wrong fold, in a real database."""

from __future__ import annotations

import pytest

from chaos.folds import wrong_folds
from db.pool import Pool

MINT, WALLET = b"m" * 32, b"w" * 32
NAMES = """
WITH mint AS (INSERT INTO keys (key) VALUES ($1) RETURNING id),
wallet AS (INSERT INTO keys (key) VALUES ($2) RETURNING id),
program AS (INSERT INTO programs (name) VALUES ('pump') RETURNING id)
SELECT mint.id AS mint, wallet.id AS wallet, program.id AS program,
       make_trade_partition(0) IS NULL FROM mint, wallet, program"""
ROWS = """
INSERT INTO trade_rows (signature, program_id, ordinal, slot, tx_index, seq, token_id, wallet_id,
    is_buy, base_amount, quote_amount, price, virtual_base, virtual_quote, block_time, retracted)
VALUES ('\\x01', $3, 0, 5, 0, 1, $1, $2, true, 100, 10, 0.5, 900, 110, 1000, false),
       ('\\x02', $3, 0, 5, 1, 2, $1, $2, false, 40, 4, 0.4, 940, 106, 1010, false),
       ('\\x03', $3, 0, 6, 0, 3, $1, $2, true, 7, 1, 0.9, 933, 107, 1020, true)"""
COIN = """
INSERT INTO tokens (mint, id, program, trades, volume_base, volume_quote, virtual_base,
                    virtual_quote, first_seq)
VALUES ($1, $2, 'pump', 2, 140, 14, 940, 106, 1)"""
CANDLE = """
INSERT INTO candle_rows (token_id, interval_s, start, open, high, low, close, volume_base,
    volume_quote, trades, buys, first_slot, first_seq, last_slot, last_seq)
VALUES ($1, 60, 960, 0.5, 0.5, 0.4, 0.4, 140, 14, 2, 1, 5, 1, 5, 2)"""
POSITION = """
INSERT INTO position_rows (wallet_id, token_id, base_amount, cost_quote, realized_quote,
    bought_quote, sold_quote, buys, sells, seq, slot, first_slot)
VALUES ($2, $1, 60, 6, 0, 10, 4, 1, 1, 2, 5, 5)"""
COMPLETED = """
INSERT INTO token_events (signature, program, ordinal, slot, seq, kind, mint)
VALUES ('\\x04', 'pump', 0, 7, 4, 'complete', $1)"""


@pytest.fixture
async def folded(pool: Pool) -> Pool:
    """Two trades that stand, one that does not, and what is folded from them, all right."""
    async with pool.acquire() as connection:
        ((mint, wallet, program, _),) = await connection.fetch(NAMES, MINT, WALLET)
        await connection.execute(ROWS, mint, wallet, program)
        await connection.execute(COIN, MINT, mint)
        await connection.execute(CANDLE, mint)
        await connection.execute(POSITION, mint, wallet)
    return pool


async def found(pool: Pool) -> list[str]:
    """What the check finds, without the keys."""
    async with pool.acquire() as connection:
        return [text.split(" ")[0] for text in await wrong_folds(connection)]


async def test_right_folds_pass(folded: Pool) -> None:
    """Sums of the trades that stand: nothing is found."""
    assert await found(folded) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("UPDATE tokens SET trades = 3", "token"),
        ("UPDATE tokens SET volume_quote = 15", "token"),
        ("UPDATE tokens SET virtual_base = 900, virtual_quote = 110", "token's"),
        ("UPDATE tokens SET completed_slot = 7", "token's"),
        ("UPDATE candle_rows SET volume_base = 147", "candle"),
        ("UPDATE candle_rows SET high = 0.9", "candle"),
        ("UPDATE candle_rows SET start = 1020", "candle"),
        ("DELETE FROM candle_rows", "candle"),
        ("UPDATE position_rows SET base_amount = 67", "position"),
        ("UPDATE position_rows SET buys = 2", "position"),
        ("DELETE FROM position_rows", "position"),
    ],
)
async def test_a_wrong_fold_is_found(folded: Pool, change: str, finding: str) -> None:
    """Anything that counts a retracted trade, or leaves one out, is named."""
    await folded.execute(change)
    assert set(await found(folded)) == {finding}


async def test_a_stage_without_its_mark_is_found(folded: Pool) -> None:
    """A completion that stands, and a token that does not know of it."""
    await folded.execute(COMPLETED, MINT)
    assert await found(folded) == ["token's"]
