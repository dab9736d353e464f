"""Folding anew: tokens, candles and positions from what stands, in the chain's order.

Needed where the fold's one-way street ends: when a fork takes events away, when the order inside a
block turns out to be another than that of arrival, and when a token's pools become known after
trades in them. Costs a read of what is touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from db import own, retract, tables, writes
from db.keys import Ids, ids_of
from db.own import Judged
from db.pool import Connection
from db.retract import Moment, PricedTrade, Span, TokenSums
from db.rows import (
    CandleKey,
    CandleRow,
    Changes,
    MinuteDelta,
    PositionKey,
    PositionRow,
    TokenRow,
)
from db.totals import recount
from indexer import candles, positions, totals
from indexer.order import in_order
from indexer.seen import Keys, quote_decimals
from programs import curve


class Refolded(msgspec.Struct):
    """Rows as they should be, and what nothing is left for."""

    tokens: dict[bytes, TokenRow] = {}
    """Also those that are to be forgotten: rows without price and trades."""
    positions: dict[PositionKey, PositionRow] = {}
    candles: list[CandleRow] = []
    minutes: list[MinuteDelta] = []
    ids: Ids = msgspec.field(default_factory=Ids)
    forgotten_tokens: list[bytes] = []
    forgotten_positions: list[PositionKey] = []


async def reorder(connection: Connection, slots: Collection[int]) -> int:
    """Fold anew what was folded in another order than the block's in these slots, and store it.

    Call it inside the transaction that stores places or late rows of these slots; cheap where
    nothing is out of order. Returns how many tokens were folded anew.
    """
    if not slots:
        return 0
    wrong = await retract.disordered(connection, slots)
    if not wrong:
        return 0
    keys = Keys(
        mints={mint for mint, _, _ in wrong},
        positions={(wallet, mint) for mint, wallet, _ in wrong if wallet is not None},
        candles={
            key
            for mint, _, time in wrong
            if time is not None
            for key in candles.keys_of(mint, time)
        },
    )
    refolded = await refold(connection, keys)
    await store(connection, refolded, Changes())
    return len(keys.mints)


async def reconcile(connection: Connection, mints: Collection[bytes]) -> int:
    """Fold anew what was folded before its token was known: trades in the new pool seen before the
    migration, trades in a foreign one seen before the creation, which may also be what tells the
    decimals that make a price.

    Call it inside the transaction that stores creations and migrations of these tokens. Returns
    of how many trades something else is true now.
    """
    if not mints:
        return 0
    judged = [*await _priced(connection, mints), *await own.judge(connection, mints)]
    if not judged:
        return 0
    spans: dict[CandleKey, Span] = {}
    for one in judged:
        if one.block_time is not None:
            for key in candles.keys_of(one.mint, one.block_time):
                first, last = spans.get(key, (one.slot, one.slot))
                spans[key] = min(first, one.slot), max(last, one.slot)
    keys = Keys(
        mints={one.mint for one in judged},
        positions={(one.wallet, one.mint) for one in judged if one.wallet is not None},
        candles=set(spans),
    )
    await store(connection, await refold(connection, keys, spans), Changes())
    return len(judged)


async def _priced(connection: Connection, mints: Collection[bytes]) -> list[Judged]:
    """Give trades without a price theirs."""
    found = []
    for one in await own.unpriced(connection, mints):
        of_quote = quote_decimals(one.quote_mint)
        if of_quote is not None:
            fraction = one.virtual_quote, one.virtual_base
            price = curve.price_of(*fraction, of_quote, one.decimals)
            if price is not None:
                found.append((one, price))
    if not found:
        return []
    return await own.price(connection, [one for one, _ in found], [price for _, price in found])


async def refold(
    connection: Connection, wanted: Keys, spans: Mapping[CandleKey, Span] | None = None
) -> Refolded:
    """What these rows should be by the stored events that stand. Writes nothing.

    `spans`: slots in which candles have trades beyond those they were made of; only these candles
    may not be stored yet.
    """
    result = Refolded(ids=Ids(keys=dict(await ids_of(connection, _keys_in(wanted)))))
    ids = result.ids.keys
    mints = {mint: ids[mint] for mint in wanted.mints if mint in ids}
    stored = await writes.load(
        connection, result.ids, wanted.mints, wanted.positions, wanted.candles
    )
    named = await retract.named_elsewhere(connection, mints)
    sums = await retract.sums(connection, mints.values())
    newest = await retract.newest_trades(connection, mints.values())
    moments = await retract.moments(connection, mints)
    for mint, token in stored.tokens.items():
        of_token = in_order(newest.get(ids[mint], []))
        set_token(token, sums.get(ids[mint]), of_token[-1:], moments.get(mint, []))
        result.tokens[mint] = token
        if mint not in named:
            result.forgotten_tokens.append(mint)
    spans = _widened(stored.candles, spans or {})
    trades = await retract.candle_trades(connection, ids, spans)
    result.candles = [_revised(row, trades.get(key, [])) for key, row in stored.candles.items()]
    new = trades.keys() - stored.candles.keys()
    result.candles += [msgspec.structs.replace(bar(key, trades[key]), rev=1) for key in new]
    result.minutes = totals.minutes(stored.candles, result.candles, stored.tokens)
    await _positions(connection, wanted.positions, result)
    return result


def _widened(
    stored: Mapping[CandleKey, CandleRow], spans: Mapping[CandleKey, Span]
) -> dict[CandleKey, Span]:
    """Slots of these candles' trades."""
    found = dict(spans)
    for key, row in stored.items():
        first, last = spans.get(key, (row.first_slot, row.last_slot))
        found[key] = min(first, row.first_slot), max(last, row.last_slot)
    return found


def _keys_in(wanted: Keys) -> set[bytes]:
    wallets = {wallet for wallet, _ in wanted.positions}
    return wanted.mints | wallets | {mint for mint, _, _ in wanted.candles}


async def store(connection: Connection, refolded: Refolded, changes: Changes) -> None:
    """Write the rows, together with `changes`, which holds what else this transaction writes."""
    ids = refolded.ids.keys
    gone = set(refolded.forgotten_tokens), set(refolded.forgotten_positions)
    changes.tokens = [row for key, row in refolded.tokens.items() if key not in gone[0]]
    changes.positions = [row for key, row in refolded.positions.items() if key not in gone[1]]
    changes.candles, changes.minutes = refolded.candles, refolded.minutes
    await tables.store(connection, changes, refolded.ids)
    await retract.forget(
        connection,
        {mint: ids[mint] for mint in gone[0]},
        [(ids[wallet], ids[mint]) for wallet, mint in gone[1]],
    )
    wallets = {ids[wallet] for wallet, _ in refolded.positions}
    await recount(connection, [ids[mint] for mint in refolded.tokens], wallets)


async def _positions(
    connection: Connection, wanted: Collection[PositionKey], result: Refolded
) -> None:
    for key, trades in (await writes.load_past(connection, wanted)).items():
        result.positions[key] = positions.fold(key, trades)
        if not trades:
            result.forgotten_positions.append(key)


def set_token(
    token: TokenRow, sums: TokenSums | None, newest: Sequence[Moment], moments: Sequence[Moment]
) -> None:
    """Everything of a token that events move; its names stay. `moments` are in order of slots."""
    sums = sums or TokenSums()
    token.trades, token.last_trade_at = sums.trades, sums.last_trade_at
    token.buys, token.sells = sums.buys, sums.trades - sums.buys
    token.volume_base, token.volume_quote = sums.volume_base, sums.volume_quote
    last = {moment.kind: moment for moment in moments}
    created, migrated = last.get("create"), last.get("migrate")
    token.created_slot = None if created is None else created.slot
    token.created_at = None if created is None else created.block_time
    token.completed_slot = last["complete"].slot if "complete" in last else None
    token.migrated_slot = None if migrated is None else migrated.slot
    token.amm_pool = None if migrated is None else migrated.pool
    _set_state(token, newest[0] if newest else created)


def _set_state(token: TokenRow, moment: Moment | None) -> None:
    for name in ("price", "progress_bps", *_RESERVES):
        setattr(token, name, None if moment is None else getattr(moment, name))
    token.state_slot = 0 if moment is None else moment.slot
    token.state_seq = 0 if moment is None else moment.seq
    token.market_cap = None
    if token.price is not None and token.supply is not None and token.decimals is not None:
        token.market_cap = curve.market_cap_of(token.price, token.supply, token.decimals)


_RESERVES = ("virtual_base", "virtual_quote", "real_base", "real_quote")


def _revised(stored: CandleRow, trades: Sequence[PricedTrade]) -> CandleRow:
    """The bar these trades make, under a greater `rev`; without any its prices say nothing."""
    if trades:
        row = bar((stored.mint, stored.interval_s, stored.start), trades)
    else:
        row = msgspec.structs.replace(stored, volume_base=0, volume_quote=0, trades=0, buys=0)
    row.rev = stored.rev + 1
    return row


def bar(key: CandleKey, trades: Sequence[PricedTrade]) -> CandleRow:
    """The bar that at least one trade makes."""
    ordered = in_order(trades)
    first, last = ordered[0], ordered[-1]
    prices = [trade.price for trade in ordered]
    return CandleRow(
        mint=key[0], interval_s=key[1], start=key[2],
        open=first.price, high=max(prices), low=min(prices), close=last.price,
        first_slot=first.slot, first_seq=first.seq, last_slot=last.slot, last_seq=last.seq,
        volume_base=sum(trade.base_amount for trade in ordered),
        volume_quote=sum(trade.quote_amount for trade in ordered),
        trades=len(ordered), buys=sum(trade.is_buy for trade in ordered),
    )  # fmt: skip
