"""What the indexer reads and writes around a batch, inside its transaction (db.writer).

A batch costs a few reads and one write (db.tables).
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from db import keys
from db.keys import Ids
from db.pool import Connection
from db.retract import Landing
from db.rows import (
    CandleKey,
    CandleRow,
    Identity,
    PastTrade,
    PoolRow,
    PositionKey,
    PositionRow,
    QuotePrices,
    State,
    TokenRow,
)

_TIMEOUT_S = 60


async def known(
    connection: Connection, trades: Collection[Landing], token_events: Collection[Landing]
) -> dict[Identity, bool]:
    """Stored trades and token events of these landings, and of each whether it stands (False: it
    was withdrawn).
    """
    rows = await connection.fetch(
        """SELECT k.signature, p.name, t.ordinal, t.slot, NOT t.retracted
           FROM unnest($1::bytea[], $2::int8[]) AS k (signature, slot)
           JOIN trade_rows t ON t.slot = k.slot AND t.signature = k.signature
                AND substr(t.signature, 1, 8) = substr(k.signature, 1, 8)
           JOIN programs p ON p.id = t.program_id
           UNION ALL
           SELECT signature, program, ordinal, slot, NOT retracted
           FROM unnest($3::bytea[], $4::int8[]) AS k (signature, slot)
           JOIN token_events e USING (signature, slot)""",
        [signature for signature, _ in trades],
        [slot for _, slot in trades],
        [signature for signature, _ in token_events],
        [slot for _, slot in token_events],
        timeout=_TIMEOUT_S,
    )
    return {(row[0], row[1], row[2], row[3]): row[4] for row in rows}


async def load(
    connection: Connection,
    ids: Ids,
    mints: Collection[bytes],
    positions: Collection[PositionKey],
    candles: Collection[CandleKey],
) -> State:
    """Stored tokens, positions and candles of these keys; what is not stored yet is not in it.

    `ids` has the numbers of all that is stored of them, and gets those of the tokens' quote mints.
    """
    tokens = await _load_tokens(connection, mints)
    quotes = {row.quote_mint for row in tokens if row.quote_mint is not None} - ids.keys.keys()
    if quotes:
        ids.keys.update(await keys.ids_of(connection, quotes))
    return State(
        tokens={row.mint: row for row in tokens},
        positions=await _load_positions(connection, ids, positions),
        candles=await _load_candles(connection, ids, candles),
    )


_LOAD_TOKENS = f"""SELECT {", ".join(TokenRow.__struct_fields__)} FROM tokens
    WHERE mint = ANY($1::bytea[])"""  # noqa: S608
_POSITION = PositionRow.__struct_fields__[2:]
_LOAD_POSITIONS = f"""SELECT wallet_id, token_id, {", ".join(_POSITION)} FROM position_rows
    JOIN unnest($1::int4[], $2::int4[]) AS key (wallet_id, token_id)
         USING (wallet_id, token_id)"""  # noqa: S608
_CANDLE = CandleRow.__struct_fields__[3:]
_LOAD_CANDLES = f"""SELECT token_id, interval_s, start, {", ".join(_CANDLE)} FROM candle_rows
    JOIN unnest($1::int4[], $2::int4[], $3::int8[]) AS key (token_id, interval_s, start)
         USING (token_id, interval_s, start)"""  # noqa: S608


async def _load_tokens(connection: Connection, mints: Collection[bytes]) -> list[TokenRow]:
    if not mints:
        return []
    rows = await connection.fetch(_LOAD_TOKENS, list(mints), timeout=_TIMEOUT_S)
    return [
        TokenRow(
            **{**row, "price": _decimal(row["price"]), "market_cap": _decimal(row["market_cap"])}
        )
        for row in rows
    ]


async def _load_positions(
    connection: Connection, ids: Ids, wanted: Collection[PositionKey]
) -> dict[PositionKey, PositionRow]:
    of = ids.keys
    by_id = {(of[key[0]], of[key[1]]): key for key in wanted if key[0] in of and key[1] in of}
    if not by_id:
        return {}
    rows = await connection.fetch(_LOAD_POSITIONS, *_columns(by_id, 2), timeout=_TIMEOUT_S)
    found = {}
    for wallet_id, token_id, *values in rows:
        key = by_id[wallet_id, token_id]
        found[key] = PositionRow(*key, *values)
    return found


async def _load_candles(
    connection: Connection, ids: Ids, wanted: Collection[CandleKey]
) -> dict[CandleKey, CandleRow]:
    by_id = {(ids.keys[key[0]], *key[1:]): key for key in wanted if key[0] in ids.keys}
    if not by_id:
        return {}
    rows = await connection.fetch(_LOAD_CANDLES, *_columns(by_id, 3), timeout=_TIMEOUT_S)
    found = {}
    for token_id, interval_s, start, *values in rows:
        key = by_id[token_id, interval_s, start]
        opened, high, low, close = map(Decimal, values[:4])
        found[key] = CandleRow(*key, opened, high, low, close, *values[4:])
    return found


def _columns(keys_: Collection[tuple[int, ...]], count: int) -> list[list[int]]:
    return [[key[column] for key in keys_] for column in range(count)]


def _decimal(value: int | Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(value)


async def load_past(
    connection: Connection, wanted: Collection[PositionKey]
) -> dict[PositionKey, list[PastTrade]]:
    """All trades of these positions that stand, oldest first."""
    found: dict[PositionKey, list[PastTrade]] = {key: [] for key in wanted}
    if not wanted:
        return found
    wallets, mints = zip(*wanted, strict=True)
    rows = await connection.fetch(
        """SELECT key.wallet, key.mint, slot, seq, is_buy, base_amount, quote_amount,
                  user_quote_amount, tx_index, block_time
           FROM unnest($1::bytea[], $2::bytea[]) AS key (wallet, mint)
           JOIN keys w ON w.key = key.wallet JOIN keys m ON m.key = key.mint
           JOIN trade_rows t ON t.wallet_id = w.id AND t.token_id = m.id
           WHERE is_own AND NOT retracted ORDER BY slot, seq""",
        wallets,
        mints,
        timeout=_TIMEOUT_S,
    )
    for wallet, mint, *rest in rows:
        found[wallet, mint].append(PastTrade(**dict(zip(_PAST, rest, strict=True))))
    return found


_PAST = tuple(PastTrade.__struct_fields__)


async def load_quote_prices(
    connection: Connection, quotes: Collection[bytes], times: Collection[int], fresh_s: int
) -> dict[bytes, QuotePrices]:
    """Prices of these quote mints in US dollars around these times (unix seconds)."""
    found: dict[bytes, QuotePrices] = {}
    if not times or not quotes:
        return found
    rows = await connection.fetch(
        """SELECT quote_mint, observed_at, price FROM quote_prices
           WHERE quote_mint = ANY($1::bytea[]) AND observed_at BETWEEN $2 AND $3
           ORDER BY quote_mint, observed_at""",
        list(quotes),
        min(times) - fresh_s,
        max(times) + fresh_s,
        timeout=_TIMEOUT_S,
    )
    for quote, observed_at, price in rows:
        prices = found.setdefault(quote, QuotePrices(fresh_s, [], []))
        prices.times.append(observed_at)
        prices.prices.append(Decimal(price))
    return found


async def take_seqs(connection: Connection, count: int) -> int:
    """Lock the feed's head and take `count` numbers; returns the first.

    The last lock a writer takes before it writes: numbers become visible in the order of commits.
    """
    newest = await connection.fetchval(
        "UPDATE feed_head SET seq = seq + $1 RETURNING seq", count, timeout=_TIMEOUT_S
    )
    return int(newest) - count + 1


async def pools_of(connection: Connection, pools: Collection[bytes]) -> dict[bytes, PoolRow]:
    """What is known of these pools."""
    rows = await connection.fetch(
        "SELECT pool, mint, quote_mint FROM pools WHERE pool = ANY($1::bytea[])",
        list(pools),
    )
    return {row["pool"]: PoolRow(**row) for row in rows}


async def claim_chain(connection: Connection, genesis_hash: str) -> str:
    """The genesis hash of the chain this database holds: `genesis_hash` if it held none yet."""
    await connection.execute(
        "INSERT INTO chain (genesis_hash) VALUES ($1) ON CONFLICT DO NOTHING", genesis_hash
    )
    return str(await connection.fetchval("SELECT genesis_hash FROM chain"))


async def start_over(connection: Connection, genesis_hash: str) -> None:
    """Forget everything of another chain and renew the feed's epoch, so that clients see it."""
    async with connection.transaction():
        await connection.execute(
            """TRUNCATE trade_rows, token_events, tokens, position_rows, candle_rows, wallet_totals,
                        market_minutes, token_windows, token_names, keys, programs, fee_names, feed,
                        pools, quarantine, checkpoints, coverage, gaps, states"""
        )
        await connection.execute("UPDATE chain SET genesis_hash = $1", genesis_hash)
        await connection.execute(
            "UPDATE finality SET confirmed_slot = 0, finalized_slot = 0, checked_slot = 0"
        )
        await connection.execute(
            "UPDATE feed_head SET seq = 0, epoch = substr(md5(gen_random_uuid()::text), 1, 8)"
        )
        await connection.execute("SELECT pg_notify('feed', '0')")
