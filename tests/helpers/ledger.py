"""A database of dicts: what `indexer.commit` does with Postgres, for tests of the fold alone."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from db.rows import Changes, FeedInsert, Identity, PastTrade, State, TradeRow
from indexer.fold import fold
from indexer.seen import Seen, keys_of, late_positions


class Ledger:
    """Commits batches through the fold; loads only the rows that a batch is said to touch."""

    def __init__(self) -> None:
        self.state = State()
        self.trades: list[TradeRow] = []
        self.feed: list[FeedInsert] = []
        self._known: set[Identity] = set()

    def commit(self, batch: Sequence[Seen]) -> Changes:
        """Fold what is new of a batch."""
        new: dict[Identity, Seen] = {}
        for seen in batch:
            if seen.identity not in self._known:
                new.setdefault(seen.identity, seen)
        events = sorted(new.values(), key=lambda seen: seen.slot)
        self._known |= new.keys()
        changes = fold(self._loaded(events), events, len(self.feed) + 1, "confirmed")
        self.trades += changes.trades
        self.feed += changes.feed
        self.state.tokens |= {row.mint: row for row in changes.tokens}
        self.state.positions |= {(row.wallet, row.mint): row for row in changes.positions}
        self.state.candles |= {
            (row.mint, row.interval_s, row.start): row for row in changes.candles
        }
        return changes

    def _loaded(self, events: Sequence[Seen]) -> State:
        keys, stored = keys_of(events), deepcopy(self.state)
        state = State(
            tokens={key: row for key, row in stored.tokens.items() if key in keys.mints},
            positions={k: row for k, row in stored.positions.items() if k in keys.positions},
            candles={key: row for key, row in stored.candles.items() if key in keys.candles},
        )
        state.past = {
            key: [_past(row) for row in self.trades if (row.wallet, row.mint) == key and row.is_own]
            for key in late_positions(events, state)
        }
        return state


def _past(row: TradeRow) -> PastTrade:
    return PastTrade(
        slot=row.slot, seq=row.seq, is_buy=row.is_buy, base_amount=row.base_amount,
        quote_amount=row.quote_amount, user_quote_amount=row.user_quote_amount,
        tx_index=row.tx_index, block_time=row.block_time,
    )  # fmt: skip
