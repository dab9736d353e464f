"""What the other launchpads' events mean, from field values to canonical events."""

from __future__ import annotations

from typing import Any

import pytest

from programs import boop, dbc, heaven, launchlab, moonshot, pumpswap
from programs.decode import decode_payload, decode_transaction
from programs.events import NATIVE_SOL, Completed, Created, Migrated, Traded
from programs.layout import InterfaceError
from programs.program import EventDecoder, Program
from programs.registry import PROGRAMS, program_set
from programs.rpc_json import parse_transaction
from tests.helpers.borsh import event_bytes
from tests.helpers.chain import Emits, MadeUp, Runs, key
from tests.helpers.launchpads import MINT, POOL, QUOTE, WALLET, by_instruction, call, one

# --- LaunchLab

LAB_BUY = {
    "pool_state": POOL,
    "total_base_sell": 1_000,
    "virtual_base": 2_000,
    "virtual_quote": 500,
    "real_base_before": 0,
    "real_base_after": 400,
    "real_quote_before": 0,
    "real_quote_after": 125,
    "amount_in": 130,
    "amount_out": 400,
    "protocol_fee": 2,
    "platform_fee": 3,
    "trade_direction": 0,
}


@pytest.mark.parametrize("layout", ["TradeEvent", "TradeEvent@2025"])
def test_launchlab_has_two_layouts(layout: str) -> None:
    """Both layouts of one discriminator decode, told apart by their length."""
    payload = event_bytes(launchlab.INTERFACE, layout, LAB_BUY | {"exact_in": True})
    trade = one(launchlab.PROGRAM, payload, "buy_exact_in")
    assert (trade.is_buy, trade.base_amount, trade.quote_amount) == (True, 400, 130)
    assert (trade.mint, trade.quote_mint, trade.wallet) == (MINT, QUOTE, WALLET)
    assert ("creator_fee" in trade.fees) == (layout == "TradeEvent")
    assert (trade.progress_bps, trade.moved_quote, trade.real_base) == (4_000, 125, 600)
    assert trade.spot == (625, 1_600)


def test_launchlab_sale() -> None:
    """A sale's output is what the trader got, its input the tokens."""
    values = LAB_BUY | {"trade_direction": 1, "amount_in": 40, "amount_out": 9}
    trade = one(launchlab.PROGRAM, event_bytes(launchlab.INTERFACE, "TradeEvent", values))
    assert (trade.is_buy, trade.base_amount, trade.quote_amount) == (False, 40, 9)


def test_launchlab_price_of_other_curves_is_not_guessed() -> None:
    """Where the trade did not keep the product, reserves do not give the price."""
    values = LAB_BUY | {"real_quote_after": 200}
    trade = one(launchlab.PROGRAM, event_bytes(launchlab.INTERFACE, "TradeEvent", values))
    assert (trade.spot, trade.virtual_base) == (None, None)


def test_launchlab_between_its_layouts_is_refused() -> None:
    """A length that is of neither layout is not decoded."""
    payload = event_bytes(launchlab.INTERFACE, "TradeEvent", LAB_BUY)[:-1]
    assert decode_payload(launchlab.PROGRAM, payload).events == ()


@pytest.mark.parametrize(("curve", "real"), [(0, 800), (1, None), (2, None)])
def test_launchlab_creation(curve: int, real: int | None) -> None:
    """A pool tells its token's names and supply; a constant-product one what it sells."""
    values = {
        "pool_state": POOL,
        "creator": key("creator"),
        "base_mint_param": {"decimals": 6, "name": "N", "symbol": "S", "uri": "U"},
        "curve_param": (curve, {"supply": 1_000, "total_base_sell": 800}),
    }
    payload = event_bytes(launchlab.INTERFACE, "PoolCreateEvent", values)
    event = one(launchlab.PROGRAM, payload, "initialize_v2")
    assert (event.mint, event.quote_mint, event.wallet) == (MINT, QUOTE, key("creator"))
    assert (event.name, event.symbol, event.uri, event.base_decimals) == ("N", "S", "U", 6)
    assert (event.supply, event.real_base) == (1_000, real)


MIGRATIONS = [
    (launchlab.PROGRAM, "migrate_to_amm"),
    (launchlab.PROGRAM, "migrate_to_cpswap"),
    (dbc.PROGRAM, "migrate_meteora_damm"),
    (dbc.PROGRAM, "migration_damm_v2"),
]


@pytest.mark.parametrize(("program", "name"), MIGRATIONS)
def test_migrations_without_an_event(program: Program, name: str) -> None:
    """A migration that emits nothing is read from its instruction, nested or not."""
    event = by_instruction(program, name).events[0]
    assert isinstance(event, Migrated)
    assert (event.mint, event.quote_mint, event.wallet) == (MINT, QUOTE, WALLET)
    assert (event.pool, event.curve) == (key("amm_pool"), POOL)


@pytest.mark.parametrize(("program", "name"), MIGRATIONS)
def test_a_migration_with_too_few_accounts_is_kept_aside(program: Program, name: str) -> None:
    """An instruction whose accounts are not where they should be is not guessed at."""
    made = call(program.interface, name)
    run = Runs(program.id, [], made.accounts[:3], made.data)
    tx = parse_transaction(MadeUp([run]).json())
    decoded = decode_transaction(tx, program_set([program]))
    assert decoded.events == ()
    assert decoded.undecoded[0].path == "inner:0"


def test_accounts_of_another_pool_are_not_believed() -> None:
    """The instruction's mint counts only if its pool is the event's."""
    payload = event_bytes(pumpswap.INTERFACE, "BuyEvent", {"pool": key("another")})
    assert one(pumpswap.PROGRAM, payload, "buy").mint is None
    payload = event_bytes(launchlab.INTERFACE, "TradeEvent", {"pool_state": key("another")})
    assert one(launchlab.PROGRAM, payload, "buy_exact_in").wallet is None
    payload = event_bytes(dbc.INTERFACE, "EvtSwap2", {"pool": key("another")})
    assert one(dbc.PROGRAM, payload, "swap2").mint is None
    payload = event_bytes(moonshot.INTERFACE, "TradeEvent", {"curve": key("another")})
    assert one(moonshot.PROGRAM, payload, "buy").mint is None


# --- Meteora DBC

SWAP2 = {
    "pool": POOL,
    "trade_direction": 1,
    "swap_result": {
        "included_fee_input_amount": 200,
        "output_amount": 900,
        "next_sqrt_price": 3 << 64,
        "trading_fee": 3,
        "protocol_fee": 1,
    },
    "quote_reserve_amount": 196,
    "migration_threshold": 1_000,
    "current_timestamp": 5,
}
SWAP = {
    "pool": POOL,
    "trade_direction": 1,
    "amount_in": 200,
    "swap_result": {"output_amount": 900, "next_sqrt_price": 3 << 64},
    "current_timestamp": 5,
}


def test_dbc_swaps() -> None:
    """Quote to base is a buy; the square root of the price stands for the reserves."""
    payload = event_bytes(dbc.INTERFACE, "EvtSwap2", SWAP2)
    trade = one(dbc.PROGRAM, payload, "swap2")
    assert (trade.is_buy, trade.base_amount, trade.quote_amount) == (True, 900, 200)
    assert (trade.mint, trade.wallet, trade.progress_bps) == (MINT, WALLET, 1_960)
    quote, base = trade.spot
    assert quote / base == 9
    sale = event_bytes(dbc.INTERFACE, "EvtSwap2WithTransferHook", SWAP2 | {"trade_direction": 0})
    sold = one(dbc.PROGRAM, sale)
    assert (sold.is_buy, sold.base_amount, sold.quote_amount) == (False, 200, 900)
    older = one(dbc.PROGRAM, event_bytes(dbc.INTERFACE, "EvtSwap", SWAP))
    assert (older.base_amount, older.quote_amount, older.progress_bps) == (900, 200, None)
    wrong = event_bytes(dbc.INTERFACE, "EvtSwap", SWAP | {"trade_direction": 2})
    assert decode_payload(dbc.PROGRAM, wrong).events == ()


@pytest.mark.parametrize("second", ["EvtSwap2", "EvtSwap2WithTransferHook"])
def test_dbc_tells_a_swap_twice_and_it_counts_once(second: str) -> None:
    """EvtSwap and the EvtSwap2 behind it are one trade; another pool's or swap's is its own."""
    swap, swap2 = (
        event_bytes(dbc.INTERFACE, "EvtSwap", SWAP),
        event_bytes(dbc.INTERFACE, second, SWAP2),
    )
    made = call(dbc.INTERFACE, "swap2")

    def trades(*runs: list[bytes]) -> list[tuple[int, bool]]:
        top = [
            Runs(dbc.PROGRAM.id, [Emits(p, logs=False) for p in run], made.accounts, made.data)
            for run in runs
        ]
        tx = parse_transaction(MadeUp(top).json())
        events = decode_transaction(tx, program_set([dbc.PROGRAM])).events
        return [(e.ordinal, e.progress_bps is None) for e in events if isinstance(e, Traded)]

    assert trades([swap, swap2]) == [(0, False)]
    assert trades([swap, swap2], [swap, swap2]) == [(0, False), (1, False)]
    assert trades([swap], [swap2]) == [(0, True), (1, False)]
    other = event_bytes(dbc.INTERFACE, second, SWAP2 | {"pool": key("other")})
    assert trades([swap, other]) == [(0, True), (1, False)]


@pytest.mark.parametrize("hook", ["", "WithTransferHook"])
def test_dbc_creation_and_completion(hook: str) -> None:
    """A pool's names are its instruction's arguments; a full curve says so with the last swap."""
    values = {"pool": POOL, "creator": WALLET, "base_mint": MINT, "pool_type": 1}
    payload = event_bytes(dbc.INTERFACE, f"EvtInitializePool{hook}", values)
    names = {"name": "N", "symbol": "S", "uri": "U"}
    by = "initialize_virtual_pool_with_token2022"
    event = one(dbc.PROGRAM, payload, by, **names)
    assert (event.name, event.symbol, event.uri) == ("N", "S", "U")
    assert (event.mint, event.quote_mint, event.flags) == (MINT, QUOTE, ("token_2022",))
    alone = one(dbc.PROGRAM, payload)
    assert (alone.name, alone.mint, alone.quote_mint) == ("", MINT, None)
    full = event_bytes(dbc.INTERFACE, f"EvtCurveComplete{hook}", {"pool": POOL})
    done = one(dbc.PROGRAM, full, "swap2")
    assert isinstance(done, Completed)
    assert (done.mint, done.wallet, done.pool) == (MINT, WALLET, POOL)


# --- Moonshot, Boop, Heaven


def test_moonshot() -> None:
    """Trades from the log with the mint of the accounts, creations from the instruction alone."""
    values = {
        "amount": 5,
        "collateral_amount": 9,
        "dex_fee": 2,
        "helio_fee": 1,
        "curve": POOL,
        "cost_token": QUOTE,
        "sender": WALLET,
        "type": 1,
    }
    sold = one(moonshot.PROGRAM, event_bytes(moonshot.INTERFACE, "TradeEvent", values), "sell")
    assert (sold.is_buy, sold.mint, sold.quote_mint, sold.wallet) == (False, MINT, QUOTE, WALLET)
    assert (sold.base_amount, sold.quote_amount) == (5, 9)
    assert sold.fees == {"dex_fee": 2, "helio_fee": 1}
    args = {"name": "N", "symbol": "S", "uri": "U", "decimals": 9, "amount": 1_000}
    made = by_instruction(moonshot.PROGRAM, "tokenMint", args).events[0]
    assert isinstance(made, Created)
    assert (made.name, made.supply, made.base_decimals) == ("N", 1_000, 9)
    assert (made.mint, made.pool, made.wallet, made.quote_mint) == (MINT, POOL, WALLET, NATIVE_SOL)
    amounts = {"tokens_migrated": 4, "collateral_migrated": 3}
    moved = event_bytes(moonshot.INTERFACE, "MigrationEvent", amounts)
    gone = one(moonshot.PROGRAM, moved, "migrateFunds")
    assert (gone.mint, gone.curve, gone.base_amount, gone.quote_amount) == (MINT, POOL, 4, 3)


def test_boop() -> None:
    """Buys put SOL in, sales take it out; graduation completes, a deposit migrates."""
    trade = {"mint": MINT, "amount_in": 7, "amount_out": 5, "swap_fee": 1}
    bought = event_bytes(boop.INTERFACE, "TokenBoughtEvent", trade | {"buyer": WALLET})
    event = one(boop.PROGRAM, bought)
    assert (event.is_buy, event.base_amount, event.quote_amount) == (True, 5, 7)
    assert (event.wallet, event.quote_mint, event.fees) == (WALLET, NATIVE_SOL, {"swap_fee": 1})
    sold = event_bytes(boop.INTERFACE, "TokenSoldEvent", trade | {"seller": WALLET})
    event = one(boop.PROGRAM, sold)
    assert (event.is_buy, event.base_amount, event.quote_amount) == (False, 7, 5)
    done = one(
        boop.PROGRAM, event_bytes(boop.INTERFACE, "TokenGraduatedEvent", {"mint": MINT}), "graduate"
    )
    assert isinstance(done, Completed)
    assert (done.mint, done.pool) == (MINT, POOL)
    values = {"pool_state": key("amm"), "mint": MINT, "tokens_deposited": 4, "wsol_deposited": 3}
    gone = one(
        boop.PROGRAM, event_bytes(boop.INTERFACE, "LiquidityDepositedIntoRaydiumEvent", values)
    )
    assert isinstance(gone, Migrated)
    assert (gone.pool, gone.base_amount, gone.quote_amount) == (key("amm"), 4, 3)


def test_heaven() -> None:
    """Amounts from the event, everything else from the accounts; no direction is no trade."""
    values = {"base_reserve": 100, "quote_reserve": 50, "total_fee_paid": 2}
    sold = event_bytes(heaven.INTERFACE, "TradeEvent", values | {"base_in": 7, "quote_out": 3})
    event = one(heaven.PROGRAM, sold, "sell")
    assert (event.is_buy, event.base_amount, event.quote_amount) == (False, 7, 3)
    assert (event.mint, event.wallet, event.pool, event.spot) == (MINT, WALLET, POOL, (50, 100))
    bought = event_bytes(heaven.INTERFACE, "TradeEvent", values | {"quote_in": 3, "base_out": 7})
    event = one(heaven.PROGRAM, bought)
    assert (event.is_buy, event.base_amount, event.quote_amount) == (True, 7, 3)
    for amounts in ({}, {"quote_in": 3, "base_in": 7}):
        payload = event_bytes(heaven.INTERFACE, "TradeEvent", values | amounts)
        assert decode_payload(heaven.PROGRAM, payload).events == ()
    pool: dict[str, Any] = {"pool_id": POOL, "payer": WALLET, "creator": key("creator")}
    pool |= {"mint": MINT, "initial_token_reserve": 9, "initial_virtual_wsol_reserve": 4}
    payload = event_bytes(heaven.INTERFACE, "CreateStandardLiquidityPoolEvent", pool)
    made = one(heaven.PROGRAM, payload)
    assert (made.mint, made.wallet, made.creator) == (MINT, WALLET, key("creator"))
    assert (made.virtual_base, made.virtual_quote) == (9, 4)


def test_a_launchpad_is_checked_when_it_is_made() -> None:
    """An event without a decoder, and names the interface lacks, fail when the program starts."""
    decoders: dict[str, EventDecoder] = {
        "TradeEvent": heaven.traded,
        "CreateStandardLiquidityPoolEvent": heaven.created,
    }
    Program(heaven.INTERFACE, decoders)
    with pytest.raises(InterfaceError, match="CreateStandardLiquidityPoolEvent"):
        Program(heaven.INTERFACE, {"TradeEvent": heaven.traded})
    with pytest.raises(InterfaceError, match="NewEvent"):
        Program(heaven.INTERFACE, decoders | {"NewEvent": heaven.traded})
    with pytest.raises(InterfaceError, match="by"):
        Program(heaven.INTERFACE, decoders, fetch=("by",))


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=lambda program: program.name)
def test_every_event_of_an_interface_is_read(program: Program) -> None:
    """Each event in an interface has a decoder that takes its newest bytes and counts more."""
    for name, facts in program.interface.events.items():
        values: dict[str, Any] = {"quote_out": 1} if program.name == "heaven" else {}
        tail = b"" if "@" in name else b"tail"  # an old layout is told by its length
        payload = event_bytes(program.interface, name, values, tail=tail)
        assert bytes.fromhex(facts.discriminator) in program.events
        decoded = decode_payload(program, payload)
        assert decoded.undecoded == ()
        assert all(event.extra_bytes == len(tail) for event in decoded.events)
