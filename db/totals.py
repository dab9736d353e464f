"""Sums over positions, counted anew: where positions were folded anew, what a batch would add to
their sums is not known.
"""

from __future__ import annotations

from collections.abc import Collection

from db.keys import NO_QUOTE
from db.pool import Connection

_TIMEOUT_S = 300

_SUMS = f"""
    SELECT p.wallet_id, coalesce(t.quote_id, {NO_QUOTE}), max(p.last_buy_at), max(p.last_sell_at),
           count(*), sum(p.buys), sum(p.sells), sum(p.bought_quote), sum(p.sold_quote),
           sum(p.cost_quote), sum(p.realized_quote)
    FROM position_rows p JOIN tokens t ON t.id = p.token_id
    WHERE p.wallet_id = ANY($1::int4[]) GROUP BY 1, 2"""  # noqa: S608 - a constant
_INSERT = f"""
    INSERT INTO wallet_totals (
        wallet_id, quote_id, last_buy_at, last_sell_at, positions, buys, sells, bought_quote,
        sold_quote, cost_quote, realized_quote) {_SUMS}"""
_HOLDERS = """
    UPDATE tokens t SET holders = n.holders, traders = n.traders
    FROM (SELECT w.id, count(p.*) AS traders, count(*) FILTER (WHERE p.base_amount > 0) AS holders
          FROM unnest($1::int4[]) AS w (id) LEFT JOIN position_rows p ON p.token_id = w.id
          GROUP BY w.id) n
    WHERE t.id = n.id AND (t.holders, t.traders) IS DISTINCT FROM (n.holders, n.traders)"""


async def recount(
    connection: Connection, tokens: Collection[int], wallets: Collection[int]
) -> None:
    """Holders and traders of these tokens and the totals of these wallets, by their numbers, out of
    the positions as they are now.
    """
    await connection.execute(_HOLDERS, list(tokens), timeout=_TIMEOUT_S)
    await connection.execute(
        "DELETE FROM wallet_totals WHERE wallet_id = ANY($1::int4[])", list(wallets),
        timeout=_TIMEOUT_S,
    )  # fmt: skip
    await connection.execute(_INSERT, list(wallets), timeout=_TIMEOUT_S)
