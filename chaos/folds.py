"""What is folded from trades, computed anew by plain sums: tokens, candles, positions."""

from __future__ import annotations

from db.pool import Connection

_STANDING = "trades WHERE NOT retracted AND is_own"

_TOKENS = f"""
    WITH sums AS (
        SELECT mint, count(*) AS n, sum(base_amount) AS base, sum(quote_amount) AS quote
        FROM {_STANDING} GROUP BY mint
    )
    SELECT encode(mint, 'hex') AS key, trades AS has, coalesce(n, 0) AS wanted
    FROM tokens LEFT JOIN sums USING (mint)
    WHERE (trades, volume_base, volume_quote)
          IS DISTINCT FROM (coalesce(n, 0), coalesce(base, 0), coalesce(quote, 0))"""  # noqa: S608
_STATES = f"""
    WITH newest AS (
        SELECT DISTINCT ON (mint) mint, slot, virtual_base, virtual_quote
        FROM {_STANDING} ORDER BY mint, slot DESC, tx_index DESC, ordinal DESC
    ), sure AS (  -- whose last slot's order is known
        SELECT mint FROM trades JOIN newest USING (mint, slot) WHERE NOT retracted
        GROUP BY mint HAVING count(*) = 1 OR count(*) = count(tx_index)
    )
    SELECT encode(mint, 'hex') AS key, tokens.virtual_base AS has, newest.virtual_base AS wanted
    FROM tokens JOIN newest USING (mint) JOIN sure USING (mint)
    WHERE (tokens.virtual_base, tokens.virtual_quote)
          IS DISTINCT FROM (newest.virtual_base, newest.virtual_quote)"""  # noqa: S608
_STAGES = """
    WITH stages AS (
        SELECT mint, bool_or(kind = 'complete') AS is_complete, bool_or(kind = 'migrate') AS is_away
        FROM token_events WHERE NOT retracted GROUP BY mint
    )
    SELECT encode(mint, 'hex') AS key, completed_slot AS has, is_complete AS wanted
    FROM tokens LEFT JOIN stages USING (mint)
    WHERE (completed_slot IS NOT NULL) <> coalesce(is_complete, false)
       OR (migrated_slot IS NOT NULL) <> coalesce(is_away, false)"""
_CANDLES = f"""
    WITH sums AS (
        SELECT mint, block_time - block_time % 60 AS start, count(*) AS n,
               sum(base_amount) AS base, sum(quote_amount) AS quote,
               max(price) AS highest, min(price) AS lowest
        FROM {_STANDING} AND block_time IS NOT NULL AND price IS NOT NULL GROUP BY 1, 2
    ), held AS (SELECT * FROM candles WHERE interval_s = 60 AND trades > 0)
    SELECT encode(mint, 'hex') || '@' || start AS key, trades AS has, n AS wanted
    FROM held FULL JOIN sums USING (mint, start)
    WHERE (trades, volume_base, volume_quote, high, low)
          IS DISTINCT FROM (n, base, quote, highest, lowest)"""  # noqa: S608
_POSITIONS = f"""
    WITH sums AS (
        SELECT wallet, mint, count(*) FILTER (WHERE is_buy) AS bought,
               count(*) FILTER (WHERE NOT is_buy) AS sold,
               sum(CASE WHEN is_buy THEN base_amount ELSE -base_amount END) AS base
        FROM {_STANDING} AND wallet IS NOT NULL GROUP BY wallet, mint
    ), held AS (SELECT * FROM positions WHERE buys + sells > 0)
    SELECT encode(wallet, 'hex') || '/' || encode(mint, 'hex') AS key,
           base_amount AS has, base AS wanted
    FROM held FULL JOIN sums USING (wallet, mint)
    WHERE (buys, sells, base_amount) IS DISTINCT FROM (bought, sold, base)"""  # noqa: S608

_CHECKS = {
    "token": _TOKENS,
    "token's state": _STATES,
    "token's stage": _STAGES,
    "candle": _CANDLES,
    "position": _POSITIONS,
}


async def wrong_folds(connection: Connection) -> list[str]:
    """Every token, candle and position that is not what the stored trades that stand make of it.

    Positions count on nobody having sent tokens to anybody, which the demo's traders never do.
    """
    return [
        f"{name} {row['key']}: has {row['has']}, trades say {row['wanted']}"
        for name, query in _CHECKS.items()
        for row in await connection.fetch(query)
    ]
