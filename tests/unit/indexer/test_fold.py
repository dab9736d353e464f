"""The fold against the rules, one by one, and against a slow, obvious recomputation."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.rows import CandleRow, PositionRow, TokenRow
from indexer.seen import WRAPPED_SOL, Seen
from programs.events import NATIVE_SOL, Traded
from programs.keys import b58, key_of
from tests.helpers.events import MINUTE, completed, created, key, migrated, seen, traded
from tests.helpers.ledger import Ledger

USDC = key_of("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
HALF, WHOLE = (10**15, 15 * 10**9), (10**15, 30 * 10**9)
"""Reserves of prices 0.000000015 and 0.00000003 SOL."""


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def _token(ledger: Ledger, mint: str = "mint") -> TokenRow:
    return ledger.state.tokens[key(mint)]


def _candle(ledger: Ledger) -> CandleRow:
    (candle,) = (row for row in ledger.state.candles.values() if row.interval_s == 60)
    return candle


def _position(ledger: Ledger) -> PositionRow:
    (position,) = ledger.state.positions.values()
    return position


# --- what a trade does


def test_a_trade_sets_the_price_of_its_token(ledger: Ledger) -> None:
    """Price is the spot price after the trade, in whole tokens; sums count both amounts."""
    ledger.commit([seen(created(), "a", 1), seen(traded(5, 7, reserves=WHOLE), "b", 2)])
    token = _token(ledger)
    assert token.price == Decimal("0.00000003")
    assert token.market_cap == Decimal(30)
    assert (token.trades, token.volume_base, token.volume_quote) == (1, 5, 7)
    assert (token.state_slot, token.state_seq, token.progress_bps) == (2, 2, 123)


def test_native_sol_is_shown_as_wrapped_sol(ledger: Ledger) -> None:
    """The 32 zero bytes of a SOL pair become the wrapped SOL mint, in rows and in messages."""
    ledger.commit([seen(traded(5, 7, quote_mint=NATIVE_SOL), "a", 1)])
    assert _token(ledger).quote_mint == WRAPPED_SOL
    assert json.loads(ledger.feed[0].data)["quote_mint"] == b58(WRAPPED_SOL)


def test_a_quote_of_unknown_decimals_gives_no_price(ledger: Ledger) -> None:
    """Without the quote's decimals a price would be a guess: none is given, the trade is kept."""
    ledger.commit([seen(traded(5, 7, quote_mint=key("odd")), "a", 1)])
    assert _token(ledger).price is None
    assert ledger.state.candles == {}
    assert (_token(ledger).trades, len(ledger.trades)) == (1, 1)


def test_usdc_pairs_are_priced_by_six_decimals(ledger: Ledger) -> None:
    """The quote's own decimals count."""
    trade = traded(5, 7, quote_mint=USDC, reserves=(10**15, 10**9))
    ledger.commit([seen(trade, "a", 1)])
    assert _token(ledger).price == Decimal("0.000001")


def test_a_trade_of_an_unseen_token_makes_a_nameless_row(ledger: Ledger) -> None:
    """The creation may come later, or never: the token is listed all the same."""
    ledger.commit([seen(traded(5, 7), "a", 9)])
    assert (_token(ledger).name, _token(ledger).first_seq) == (None, 1)


def test_a_creation_that_comes_late_names_the_token_and_leaves_its_price(ledger: Ledger) -> None:
    """What trades have told of the price is younger than the creation, whenever that is seen."""
    ledger.commit([seen(traded(5, 7, reserves=HALF), "b", 2)])
    ledger.commit([seen(created(), "a", 1)])
    token = _token(ledger)
    assert (token.name, token.first_seq, token.price) == ("Coin", 1, Decimal("0.000000015"))


def test_a_trade_elsewhere_moves_nothing(ledger: Ledger) -> None:
    """Anybody can open a pool for a token: its trades are stored and told, and move no price."""
    ledger.commit([seen(created(), "a", 1), seen(traded(5, 7, pool="curve"), "b", 2)])
    before = ledger.state.tokens[key("mint")].price
    ledger.commit([seen(traded(9, 9, pool="trap", reserves=(1, 10**18)), "c", 3)])
    token = _token(ledger)
    assert (token.price, token.trades) == (before, 1)
    assert _position(ledger).base_amount == 5
    assert [row.is_own for row in ledger.trades] == [True, False]
    assert ledger.feed[-1].event == "new_trade"
    assert ledger.feed[-1].price_update is None


def test_a_curves_trade_that_comes_after_the_migration_counts_without_the_creation(
    ledger: Ledger,
) -> None:
    """The creation may be what comes last: until then no trade of a curve is a foreign one."""
    ledger.commit([seen(migrated(), "c", 3)])
    ledger.commit([seen(traded(5, 7, pool="curve"), "b", 2)])
    foreign = traded(9, 9, pool="trap", reserves=(1, 10**18))
    foreign = msgspec.structs.replace(foreign, progress_bps=None)
    ledger.commit([seen(foreign, "d", 4)])
    ledger.commit([seen(created(), "a", 1)])
    assert [row.is_own for row in ledger.trades] == [True, False]
    assert (_token(ledger).trades, _position(ledger).base_amount) == (1, 5)


def test_after_migration_the_new_pool_is_the_tokens_own(ledger: Ledger) -> None:
    """Trades on the AMM pool that the liquidity went to count."""
    ledger.commit([seen(created(), "a", 1), seen(completed(), "b", 2), seen(migrated(), "c", 3)])
    ledger.commit([seen(traded(5, 7, pool="amm", reserves=HALF), "d", 4)])
    token = _token(ledger)
    assert (token.completed_slot, token.migrated_slot, token.amm_pool) == (2, 3, key("amm"))
    assert (token.trades, token.price) == (1, Decimal("0.000000015"))


def test_a_name_with_a_zero_character_is_stored(ledger: Ledger) -> None:
    """Anyone can put a zero character into a name, and Postgres takes none: it is replaced."""
    ledger.commit([seen(created(name="a\0b"), "a", 1)])
    assert _token(ledger).name == "a\N{REPLACEMENT CHARACTER}b"
    assert json.loads(ledger.feed[0].data)["name"] == "a\0b"


# --- the feed


def test_every_event_gets_the_next_number(ledger: Ledger) -> None:
    """Numbers are contiguous over batches, in the order of slots inside one."""
    ledger.commit([seen(traded(1, 1), "b", 2), seen(created(), "a", 1)])
    ledger.commit([seen(completed(), "c", 3), seen(migrated(), "d", 4)])
    assert [(row.seq, row.event) for row in ledger.feed] == [
        (1, "token_created"), (2, "new_trade"), (3, "curve_completed"), (4, "token_migrated"),
    ]  # fmt: skip


def test_an_event_seen_twice_counts_once(ledger: Ledger) -> None:
    """In one batch or in two, the same event of the same landing is one row."""
    one = seen(traded(5, 7), "a", 1)
    ledger.commit([one, one])
    ledger.commit([one])
    assert len(ledger.trades) == len(ledger.feed) == _token(ledger).trades == 1


def test_the_same_signature_in_another_slot_is_another_event(ledger: Ledger) -> None:
    """After a fork a transaction may land again: that is news."""
    ledger.commit([seen(traded(5, 7), "a", 1)])
    ledger.commit([seen(traded(5, 7), "a", 3)])
    assert [row.slot for row in ledger.trades] == [1, 3]


def test_a_trade_message_says_it_all(ledger: Ledger) -> None:
    """Amounts as decimal strings, keys in base58, price plain; both state events go with it."""
    ledger.commit([seen(created(), "a", 1), seen(traded(5, 7, paid=8), "b", 2)])
    row = ledger.feed[1]
    data = json.loads(row.data)
    assert (data["side"], data["base_amount"], data["quote_amount"]) == ("buy", "5", "7")
    assert (data["user_quote_amount"], data["fees"]) == ("8", {"fee": "7"})
    assert (data["price"], data["market_cap"]) == ("0.00000003", "30")
    assert (data["wallet"], data["commitment"]) == (b58(key("wallet")), "confirmed")
    assert json.loads(row.price_update or "") == {
        "mint": b58(key("mint")), "price": "0.00000003", "market_cap": "30",
        "curve_progress_bps": 123,
    }  # fmt: skip
    assert json.loads(row.portfolio_update or "") == {
        "wallet": b58(key("wallet")), "mint": b58(key("mint")), "base_amount": "5",
        "cost_quote": "8", "realized_quote": "0", "buys": 1, "sells": 0,
    }  # fmt: skip


# --- late trades


def test_a_late_trade_changes_the_open_and_not_the_close(ledger: Ledger) -> None:
    """A trade of an older slot opens its candle; price and close stay those of the youngest."""
    ledger.commit([seen(traded(1, 1, reserves=WHOLE), "b", 20)])
    ledger.commit([seen(traded(1, 1, reserves=HALF), "a", 10)])
    candle = _candle(ledger)
    assert (candle.open, candle.close) == (Decimal("0.000000015"), Decimal("0.00000003"))
    assert (candle.low, candle.high, candle.trades) == (candle.open, candle.close, 2)
    assert (_token(ledger).price, _token(ledger).state_slot) == (Decimal("0.00000003"), 20)
    assert candle.rev == 2


def test_a_late_buy_lowers_the_profit_of_the_sale_after_it(ledger: Ledger) -> None:
    """A position is what its trades make in the chain's order, in whichever order they came."""
    ledger.commit([seen(traded(10, 100, paid=100), "a", 10)])
    ledger.commit([seen(traded(10, 300, paid=300, is_buy=False), "c", 30)])
    ledger.commit([seen(traded(10, 300, paid=300), "b", 20)])
    position = _position(ledger)
    assert (position.base_amount, position.cost_quote, position.realized_quote) == (10, 200, 100)
    assert (position.slot, position.seq) == (30, 2)
    told = json.loads(ledger.feed[-1].portfolio_update or "")
    assert told["realized_quote"] == "100"


# --- any order, any batches, any duplicates: the slow and obvious way agrees

_PRICES = [(10**15, 10**10 + 10**8 * step) for step in range(20)]


@st.composite
def _deliveries(draw: st.DrawFn) -> list[list[Seen]]:
    """Trades of two tokens by two wallets, in any order of slots, in batches, some twice."""
    count = draw(st.integers(1, 25))
    trades = [
        seen(
            traded(
                draw(st.integers(0, 1000)),
                draw(st.integers(0, 1000)),
                mint=draw(st.sampled_from(["one", "two"])),
                wallet=draw(st.sampled_from(["ann", "bob", None])),
                is_buy=draw(st.booleans()),
                paid=draw(st.none() | st.integers(0, 1100)),
                reserves=draw(st.sampled_from([*_PRICES, None])),
                time=draw(st.sampled_from([None, MINUTE, MINUTE + 59, MINUTE + 60])),
            ),
            f"transaction {number}",
            draw(st.integers(1, 12)),
        )
        for number in range(count)
    ]
    twice = trades + draw(st.lists(st.sampled_from(trades), max_size=10))
    order = draw(st.permutations(twice))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=6)))
    return [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def _obvious(ledger: Ledger, deliveries: list[list[Seen]]) -> tuple[object, object, object]:
    """Tokens, candles and positions from the stored trades, sorted once, folded naively."""
    events = {one.signature: one for batch in deliveries for one in batch}
    ordered = sorted(ledger.trades, key=lambda row: (row.slot, row.seq))
    tokens, candles = {}, {}
    positions: dict[tuple[bytes, bytes], tuple[int, int, int]] = {}
    for mint, group in groupby(sorted(ordered, key=lambda row: row.mint), lambda row: row.mint):
        rows = list(group)
        last = rows[-1]
        tokens[mint] = (
            last.price, last.slot, last.seq, len(rows),
            sum(row.base_amount for row in rows), sum(row.quote_amount for row in rows),
        )  # fmt: skip
        timed = [row for row in rows if row.block_time is not None and row.price is not None]
        for length, start in {
            (length, row.block_time // length * length)
            for row in timed
            if row.block_time is not None
            for length in (1, 60, 3600)
        }:
            inside = [row for row in timed if row.block_time in range(start, start + length)]
            prices = [row.price for row in inside if row.price is not None]
            candles[mint, length, start] = (
                prices[0], max(prices), min(prices), prices[-1],
                sum(row.base_amount for row in inside), len(inside),
            )  # fmt: skip
    for row in ordered:
        if row.wallet is None:
            continue
        event = events[row.signature].event
        assert isinstance(event, Traded)
        held, cost, realized = positions.get((row.wallet, row.mint), (0, 0, 0))
        paid = event.quote_amount if event.user_quote_amount is None else event.user_quote_amount
        if row.is_buy:
            held, cost = held + row.base_amount, cost + paid
        elif row.base_amount and held:
            sold = min(held, row.base_amount)
            gone = int(Fraction(cost * sold, held))
            realized += int(Fraction(paid * sold, row.base_amount)) - gone
            held, cost = held - sold, cost - gone
        positions[row.wallet, row.mint] = held, cost, realized
    return tokens, candles, positions


@settings(max_examples=300, deadline=None)
@given(_deliveries())
def test_the_order_of_arrival_does_not_matter(deliveries: list[list[Seen]]) -> None:
    """Tokens, candles and positions are those of all trades in the chain's order, each once."""
    ledger = Ledger()
    for batch in deliveries:
        ledger.commit(batch)
    tokens, candles, positions = _obvious(ledger, deliveries)
    assert len(ledger.trades) == len({one.identity for batch in deliveries for one in batch})
    assert [row.seq for row in ledger.feed] == list(range(1, len(ledger.feed) + 1))
    assert {
        mint: (
            row.price, row.state_slot, row.state_seq, row.trades, row.volume_base,
            row.volume_quote,
        )
        for mint, row in ledger.state.tokens.items()
    } == tokens  # fmt: skip
    assert {
        place: (row.open, row.high, row.low, row.close, row.volume_base, row.trades)
        for place, row in ledger.state.candles.items()
    } == candles
    assert {
        place: (row.base_amount, row.cost_quote, row.realized_quote)
        for place, row in ledger.state.positions.items()
    } == positions
