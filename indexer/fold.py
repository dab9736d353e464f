"""The fold: what is stored and new events → rows and feed messages. Pure.

New events come in the order they get numbers in, sorted by slot. One may still be older than what
is stored (it was missed, or its slot came late): its place is (slot, seq), so it changes a candle's
open but not its close, volumes but not the price, and makes its wallet's position be folded from
the start (`State.past`).

A token's price, candles and positions follow its own pools and its own quote mint only: anybody can
open another pool for it, at any price. Trades elsewhere are stored and told, and move nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from db.rows import (
    CandleKey,
    CandleRow,
    Changes,
    FeedInsert,
    PastTrade,
    PositionKey,
    PositionRow,
    State,
    TokenEventRow,
    TokenRow,
    TradeRow,
)
from indexer import candles, messages, positions, totals
from indexer.seen import Seen, base_decimals, quote_decimals
from programs import curve
from programs.events import Completed, Created, Migrated, Traded

_MAX_EXTRA_BYTES = 32_767
Spot = tuple[Decimal | None, Decimal | None]
"""Price and market cap."""


def fold(state: State, batch: Sequence[Seen], first_seq: int, commitment: str) -> Changes:
    """Rows and messages of a batch of events, none of which is stored yet; `state` is changed.

    `state` holds what is stored under `keys_of(batch)`, and in `past` the trades of
    `late_positions`. Event number i of the batch gets the number `first_seq + i` in the feed.
    """
    folding = _Folding(state, commitment)
    for seq, seen in enumerate(batch, first_seq):
        folding.add(seen, seq)
    return folding.changes()


class _Folding:
    """One batch being folded."""

    def __init__(self, state: State, commitment: str) -> None:
        self._state = state
        self._commitment = commitment
        self._changes = Changes()
        self._tokens: dict[bytes, TokenRow] = {}
        self._positions: dict[PositionKey, PositionRow] = {}
        self._candles: dict[CandleKey, CandleRow] = {}
        self._positions_before: dict[PositionKey, PositionRow] = {}
        self._candles_before: dict[CandleKey, CandleRow] = {}

    def changes(self) -> Changes:
        """All that was folded."""
        changes = self._changes
        changes.tokens = list(self._tokens.values())
        changes.positions = list(self._positions.values())
        changes.candles = list(self._candles.values())
        for candle in changes.candles:
            candle.rev += 1
        tokens = self._state.tokens
        totals.count_holders(self._positions_before, changes.positions, tokens)
        changes.totals = totals.totals(self._positions_before, changes.positions, tokens)
        changes.minutes = totals.minutes(self._candles_before, changes.candles, tokens)
        return changes

    def add(self, seen: Seen, seq: int) -> None:
        """Fold the next event."""
        event = seen.event
        token = self._token(seen, seq)
        if isinstance(event, Traded):
            self._traded(token, seen, event, seq)
        elif isinstance(event, Created):
            self._created(token, seen, event, seq)
        elif isinstance(event, Completed):
            self._completed(token, seen, event, seq)
        else:
            self._migrated(token, seen, event, seq)

    def _token(self, seen: Seen, seq: int) -> TokenRow:
        """The event's token, made at its first mention, even if its creation was not seen."""
        event, mint = seen.event, seen.mint
        token = self._state.tokens.get(mint)
        if token is None:
            token = TokenRow(mint=mint, program=event.program, first_seq=seq)
            self._state.tokens[mint] = token
        self._tokens[mint] = token
        if token.quote_mint is None or (seen.quote_mint and isinstance(event, Created)):
            token.quote_mint = seen.quote_mint
            token.quote_decimals = quote_decimals(seen.quote_mint)
        if token.decimals is None:
            token.decimals = base_decimals(event.program)
        return token

    # --- trades

    def _traded(self, token: TokenRow, seen: Seen, event: Traded, seq: int) -> None:
        spot = _spot(token, seen, event)
        is_own = _is_own(token, seen, event)
        position = None
        if is_own:
            self._move(token, seen, event, seq, spot)
            position = self._position(seen, event, seq)
        known = self._state.quote_prices.get(seen.quote_mint or token.quote_mint or b"")
        usd = None if known is None else known.at(seen.block_time)
        self._changes.trades.append(_trade_row(seen, event, seq, spot[0], usd, is_own=is_own))
        self._tell(
            seen, seq, "new_trade",
            messages.new_trade(seen, event, self._commitment, *spot),
            messages.price_update(token) if is_own else None,
            None if position is None else messages.portfolio_update(position),
        )  # fmt: skip

    def _move(self, token: TokenRow, seen: Seen, event: Traded, seq: int, spot: Spot) -> None:
        """The token's state, unless a younger trade is already in it, its sums and its candle."""
        if (seen.slot, seq) >= (token.state_slot, token.state_seq):
            _set_state(token, event, seen.slot, seq, spot)
        token.trades += 1
        token.buys += event.is_buy
        token.sells += not event.is_buy
        token.volume_base += event.base_amount
        token.volume_quote += event.quote_amount
        if seen.block_time is not None:
            token.last_trade_at = max(token.last_trade_at or seen.block_time, seen.block_time)
            if spot[0] is not None:
                for key in candles.keys_of(seen.mint, seen.block_time):
                    self._candle(key, seen, event, seq, spot[0])

    def _candle(self, key: CandleKey, seen: Seen, event: Traded, seq: int, price: Decimal) -> None:
        candle = self._state.candles.get(key)
        if candle is not None and key not in self._candles:
            self._candles_before[key] = copy.copy(candle)
        if candle is None or candle.trades == 0:  # none: all it held was retracted
            rev = 0 if candle is None else candle.rev
            candle = self._state.candles[key] = candles.opened(key, price, seen.slot, seq)
            candle.rev = rev
        candles.apply(candle, price, seen.slot, seq)
        candle.volume_base += event.base_amount
        candle.volume_quote += event.quote_amount
        candle.trades += 1
        candle.buys += event.is_buy
        self._candles[key] = candle

    def _position(self, seen: Seen, event: Traded, seq: int) -> PositionRow | None:
        """The wallet's position, this trade included wherever it belongs."""
        if event.wallet is None:
            return None
        key = event.wallet, seen.mint
        position = self._state.positions.get(key)
        if position is None:
            position = PositionRow(wallet=key[0], mint=key[1])
        elif key not in self._positions:
            self._positions_before[key] = copy.copy(position)
        trade = _past(event, seen, seq)
        past = self._state.past.get(key)
        if past is not None:
            past.append(trade)
        if past is not None and trade.slot < position.slot:
            position = positions.fold(key, past)
        else:
            positions.apply(position, trade)
        self._state.positions[key] = self._positions[key] = position
        return position

    # --- the rare events

    def _created(self, token: TokenRow, seen: Seen, event: Created, seq: int) -> None:
        token.program, token.pool, token.creator = event.program, event.pool, event.creator
        token.name, token.symbol, token.uri = map(_storable, (event.name, event.symbol, event.uri))
        token.decimals = event.base_decimals if event.base_decimals is not None else token.decimals
        token.supply, token.flags = event.supply, list(event.flags)
        token.created_slot, token.created_at = seen.slot, seen.block_time
        spot = _spot(token, seen, event)
        if token.trades == 0:  # seen after trades, however late, it cannot be news of the price
            _set_state(token, event, seen.slot, seq, spot)
        elif token.price is not None and token.supply is not None and token.decimals is not None:
            token.market_cap = curve.market_cap_of(token.price, token.supply, token.decimals)
        self._changes.token_events.append(_creation_row(seen, event, seq, spot))
        told = messages.token_created(seen, event, self._commitment, token)
        self._tell(seen, seq, "token_created", told, messages.price_update(token))

    def _completed(self, token: TokenRow, seen: Seen, event: Completed, seq: int) -> None:
        token.completed_slot = seen.slot
        self._changes.token_events.append(_event_row(seen, seq, "complete"))
        told = messages.curve_completed(seen, event, self._commitment)
        self._tell(seen, seq, "curve_completed", told, messages.price_update(token))

    def _migrated(self, token: TokenRow, seen: Seen, event: Migrated, seq: int) -> None:
        token.migrated_slot, token.amm_pool = seen.slot, event.pool
        self._changes.token_events.append(_event_row(seen, seq, "migrate", event.pool))
        told = messages.token_migrated(seen, event, self._commitment)
        self._tell(seen, seq, "token_migrated", told, messages.price_update(token))

    def _tell(
        self, seen: Seen, seq: int, name: str, data: str, price: str | None,
        portfolio: str | None = None,
    ) -> None:  # fmt: skip
        self._changes.feed.append(
            FeedInsert(
                seq=seq, event=name, mint=seen.mint, wallet=seen.event.wallet, slot=seen.slot,
                data=data, price_update=price, portfolio_update=portfolio,
            )
        )  # fmt: skip


def _is_own(token: TokenRow, seen: Seen, event: Traded) -> bool:
    """Whether the trade was on the token's own curve or pool, in its own quote.

    The migration may be seen before the creation: then only the new pool is known, and what moved
    a curve moved the token's.
    """
    pool, own_pools = event.pool, (token.pool, token.amm_pool)
    is_pool = pool is None or own_pools == (None, None) or pool in own_pools
    is_curve = token.pool is None and event.progress_bps is not None
    return (is_pool or is_curve) and seen.quote_mint in (None, token.quote_mint)


def _spot(token: TokenRow, seen: Seen, event: Traded | Created) -> Spot:
    """Price and market cap by the event's own numbers; None where something of it is unknown."""
    fraction, decimals = _fraction(event), token.decimals
    of_quote = quote_decimals(seen.quote_mint or token.quote_mint)
    if fraction is None or decimals is None or of_quote is None:
        return None, None
    price = curve.price_of(*fraction, of_quote, decimals)
    if price is None or token.supply is None:
        return price, None
    return price, curve.market_cap_of(price, token.supply, decimals)


def _fraction(event: Traded | Created) -> tuple[int, int] | None:
    """Spot price as quote over base, in base units."""
    if isinstance(event, Traded):
        return event.spot
    if event.virtual_quote is None or event.virtual_base is None:
        return None
    return event.virtual_quote, event.virtual_base


def _set_state(token: TokenRow, event: Traded | Created, slot: int, seq: int, spot: Spot) -> None:
    token.state_slot, token.state_seq = slot, seq
    token.price, token.market_cap = spot
    token.virtual_base, token.virtual_quote = event.virtual_base, event.virtual_quote
    token.real_base, token.real_quote = event.real_base, event.real_quote
    token.progress_bps = event.progress_bps if isinstance(event, Traded) else 0


def _past(event: Traded, seen: Seen, seq: int) -> PastTrade:
    return PastTrade(
        slot=seen.slot, seq=seq, is_buy=event.is_buy, base_amount=event.base_amount,
        quote_amount=event.quote_amount, user_quote_amount=event.user_quote_amount,
        tx_index=seen.tx_index, block_time=seen.block_time,
    )  # fmt: skip


def _trade_row(
    seen: Seen, event: Traded, seq: int, price: Decimal | None, usd: Decimal | None, *, is_own: bool
) -> TradeRow:
    return TradeRow(
        signature=seen.signature, program=event.program, ordinal=event.ordinal, slot=seen.slot,
        tx_index=seen.tx_index, seq=seq, mint=seen.mint, wallet=event.wallet, pool=event.pool,
        quote_mint=seen.quote_mint, is_buy=event.is_buy, base_amount=event.base_amount,
        quote_amount=event.quote_amount, user_quote_amount=event.user_quote_amount,
        fee_names=",".join(event.fees) or None, fees=_packed_fees(event), price=price,
        virtual_base=event.virtual_base, virtual_quote=event.virtual_quote,
        real_base=event.real_base, real_quote=event.real_quote, progress_bps=event.progress_bps,
        block_time=seen.block_time, is_own=is_own, quote_usd=usd,
        extra_bytes=min(event.extra_bytes, _MAX_EXTRA_BYTES),
    )  # fmt: skip


def _packed_fees(event: Traded) -> str | None:
    if not event.fees:
        return None
    return ",".join(str(fee) if fee else "" for fee in event.fees.values())


def _event_row(seen: Seen, seq: int, kind: str, pool: bytes | None = None) -> TokenEventRow:
    event = seen.event
    return TokenEventRow(
        signature=seen.signature, program=event.program, ordinal=event.ordinal, slot=seen.slot,
        seq=seq, kind=kind, mint=seen.mint, wallet=event.wallet, block_time=seen.block_time,
        pool=pool,
    )  # fmt: skip


def _creation_row(seen: Seen, event: Created, seq: int, spot: Spot) -> TokenEventRow:
    return msgspec.structs.replace(
        _event_row(seen, seq, "create", event.pool),
        price=spot[0], market_cap=spot[1],
        virtual_base=event.virtual_base, virtual_quote=event.virtual_quote,
        real_base=event.real_base, real_quote=event.real_quote,
        creator=event.creator, name=_storable(event.name), symbol=_storable(event.symbol),
        uri=_storable(event.uri), quote_mint=seen.quote_mint, decimals=event.base_decimals,
        supply=event.supply, flags=list(event.flags),
    )  # fmt: skip


def _storable(text: str) -> str:
    """Postgres' text holds everything but the zero character, which anyone can put into a name."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
