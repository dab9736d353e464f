"""Trading: what the API quotes is what the chain then does, and what it refuses it explains."""

from __future__ import annotations

import base64
import random
from typing import Any

import httpx2
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from db.pool import Pool
from localnet.execution import Simulated
from localnet.genesis import CREATOR_FEE_BPS, FEE_BPS, admin, signed
from localnet.node import Localnet
from programs import pump_instructions as pump
from tests.conftest import SettingsFactory
from tests.helpers.pump_program import Reserves, fee
from tests.integration.api_trading.conftest import (
    API,
    SOL,
    Shop,
    launch_2022,
    serving,
    signed_by,
)

TRADES = 30


class Books:
    """Balances around a trade, of everybody who has a share in it."""

    def __init__(self, shop: Shop, mint: Pubkey, creator: Pubkey, trader: Pubkey) -> None:
        self._shop, self._mint, self._trader = shop, mint, trader
        self._payees = admin().pubkey(), pump.creator_vault(creator)
        self._before = self._now()

    def _now(self) -> list[int]:
        lamports = [self._shop.lamports(key) for key in (self._trader, *self._payees)]
        return [*lamports, self._shop.tokens(self._trader, self._mint)]

    def changes(self) -> list[int]:
        """Of the trader's SOL, the protocol's, the creator's vault's, and the trader's tokens."""
        return [after - before for before, after in zip(self._before, self._now(), strict=True)]


def expected_changes(quote: dict[str, Any]) -> list[int]:
    """What a quote says of them."""
    sign = 1 if quote["side"] == "buy" else -1
    rent = int(quote["wallet_costs"]["creator_vault_rent"])
    protocol, creator = int(quote["fees"]["protocol"]), int(quote["fees"]["creator"])
    tokens = sign * int(quote["base_amount"])
    return [int(quote["wallet_change"]), protocol, creator + rent, tokens]


async def test_a_quote_is_what_the_chain_then_does(shop: Shop) -> None:
    """Over seeded sizes from dust to whales, buys by SOL and by tokens and sales move every balance
    by exactly what the quote and the simulation said, fees and rents included."""
    draw = random.Random(5)
    creator, trader = shop.wallet(), shop.wallet()
    mint, me = shop.launch(creator), trader.pubkey()
    reserves = Reserves()
    for _ in range(TRADES):
        order = _drawn(draw, mint, shop.tokens(me, mint))
        quote = await shop.ask("quote", wallet=str(me), **order)
        books = Books(shop, mint, creator.pubkey(), me)
        built = await shop.trade(trader, **order)
        changes = books.changes()
        assert built["quote"] == quote
        assert changes == expected_changes(quote)
        assert int(built["simulation"]["wallet_change"]) == changes[0]
        assert int(built["simulation"]["base_change"]) == changes[3]
        _check_by_hand(reserves, quote)


def _drawn(draw: random.Random, mint: Pubkey, held: int) -> dict[str, str]:
    """A trade of any size that is worth a few lamports."""
    is_worth = held > 10**8
    kind = draw.choice(["sell", "buy base", "buy quote"]) if is_worth else "buy quote"
    if kind == "sell":
        amount = max(1, held * draw.choice([1, 30, 50, 100]) // 100)
        return {"mint": str(mint), "side": "sell", "base_amount": str(amount)}
    if kind == "buy base":
        amount = int(10 ** draw.uniform(0, 13))
        return {"mint": str(mint), "side": "buy", "base_amount": str(amount)}
    return {"mint": str(mint), "side": "buy", "quote_amount": str(int(10 ** draw.uniform(2, 10)))}


def _check_by_hand(reserves: Reserves, quote: dict[str, str]) -> None:
    """A second opinion on the arithmetic: the tests' own curve."""
    amount, is_buy = int(quote["base_amount"]), quote["side"] == "buy"
    gross = reserves.cost(amount) if is_buy else reserves.output(amount)
    fees = fee(gross, FEE_BPS) + fee(gross, CREATOR_FEE_BPS)
    assert int(quote["quote_amount"]) == gross
    assert int(quote["user_quote_amount"]) == (gross + fees if is_buy else gross - fees)
    reserves.move(*((gross, amount) if is_buy else (-gross, -amount)))


async def test_tokens_of_token_2022_are_traded_alike(shop: Shop) -> None:
    """A token of the newer token program, as most of mainnet's are: its account is opened, its
    rent named, and every balance moves as quoted."""
    creator, trader = shop.wallet(), shop.wallet()
    mint, me = launch_2022(shop, creator), trader.pubkey()
    for order in (
        {"side": "buy", "quote_amount": str(SOL)},
        {"side": "buy", "base_amount": "123456789"},
        {"side": "sell", "base_amount": "1000000000"},
    ):
        before = shop.lamports(me)
        held = int((await shop.get(f"balance/{me}", mint=str(mint)))["base_amount"])
        built = await shop.trade(trader, mint=str(mint), **order)
        assert shop.lamports(me) - before == int(built["quote"]["wallet_change"])
        sign = 1 if order["side"] == "buy" else -1
        found = await shop.get(f"balance/{me}", mint=str(mint))
        assert int(found["base_amount"]) == held + sign * int(built["quote"]["base_amount"])


async def test_a_budget_is_used_up_and_never_exceeded(shop: Shop) -> None:
    """A purchase for so much SOL gets the most tokens that it pays for with fees: one more would
    cost too much."""
    mint = shop.launch(shop.wallet())
    draw = random.Random(6)
    for _ in range(15):
        budget = int(10 ** draw.uniform(3, 11))
        order = {"mint": str(mint), "side": "buy"}
        quote = await shop.ask("quote", quote_amount=str(budget), **order)
        more = str(int(quote["base_amount"]) + 1)
        dearer = await shop.ask("quote", base_amount=more, **order)
        assert int(quote["user_quote_amount"]) <= budget
        assert int(dearer["user_quote_amount"]) > budget or dearer["is_capped"]


async def test_slippage_protects_what_was_seen(shop: Shop) -> None:
    """A trade with the limit of an older quote is refused in words once the price has passed it,
    before and after signing; the fresh one goes through."""
    mint, slow, fast = shop.launch(shop.wallet()), shop.wallet(), shop.wallet()
    order = {"mint": str(mint), "side": "buy", "slippage_bps": 50}
    seen = await shop.ask("quote", quote_amount=str(SOL), **order)
    terms = {"base_amount": seen["base_amount"], "limit": seen["limit"], **order}
    signed_early = await shop.ask("transaction", wallet=str(slow.pubkey()), **terms)
    await shop.trade(fast, quote_amount=str(5 * SOL), **order)
    late = await shop.ask("transaction", 409, wallet=str(slow.pubkey()), **terms)
    assert late["code"] == "slippage_exceeded"
    transaction = signed_by(slow, signed_early["transaction"])
    refused = await shop.ask("submit", 409, transaction=transaction)
    assert refused["code"] == "slippage_exceeded"
    assert shop.tokens(slow.pubkey(), mint) == 0
    await shop.trade(slow, quote_amount=str(SOL), **order)


async def test_without_a_limit_the_newest_price_counts(shop: Shop) -> None:
    """Somebody who trades between the quote and the simulation does not stand in the way of who
    named no limit: the trade is built anew from the price of then."""
    mint, slow, fast = shop.launch(shop.wallet()), shop.wallet(), shop.wallet()
    order = {"mint": str(mint), "side": "buy", "quote_amount": str(SOL), "slippage_bps": 0}
    built = await shop.ask("transaction", wallet=str(fast.pubkey()), **order)
    raw = base64.b64decode(signed_by(fast, built["transaction"]))
    chain, hasty = shop.net.chain, VersionedTransaction.from_bytes(raw)
    simulate, calls = chain.simulate, list[VersionedTransaction]()

    def overtaken(transaction: VersionedTransaction) -> Simulated:
        calls.append(transaction)
        if len(calls) == 1:
            chain.send(hasty, preflight=False)
        return simulate(transaction)

    chain.simulate = overtaken  # type: ignore[method-assign]
    await shop.ask("transaction", wallet=str(slow.pubkey()), **order)
    assert len(calls) == 2


async def test_a_trade_that_fails_on_chain_says_why(shop: Shop) -> None:
    """What was sent past the checks and failed has the status failed, and the reason."""
    mint, slow, fast = shop.launch(shop.wallet()), shop.wallet(), shop.wallet()
    order = {"mint": str(mint), "side": "buy", "quote_amount": str(SOL), "slippage_bps": 0}
    built = await shop.ask("transaction", wallet=str(slow.pubkey()), **order)
    await shop.trade(fast, **order)
    raw = base64.b64decode(signed_by(slow, built["transaction"]))
    signature = shop.net.chain.send(VersionedTransaction.from_bytes(raw), preflight=False)
    found = await shop.get(f"status/{signature}")
    assert (found["status"], found["error"]["code"]) == ("failed", "slippage_exceeded")


async def test_the_last_token_completes_the_curve(shop: Shop) -> None:
    """Whoever asks for more than is left gets all of it and is told so; then the curve is complete,
    and nothing can be traded on it."""
    mint, whale = shop.launch(shop.wallet()), shop.wallet()
    order = {"mint": str(mint), "side": "buy"}
    quote = await shop.ask("quote", quote_amount=str(200 * SOL), **order)
    assert quote["is_capped"]
    assert quote["completes_curve"]
    assert quote["base_amount"] == "793100000000000"
    assert quote["quote_amount"] == "85005359057"
    built = await shop.trade(whale, quote_amount=str(200 * SOL), **order)
    assert int(built["simulation"]["base_change"]) == shop.tokens(whale.pubkey(), mint)
    for path, more in (("quote", {}), ("transaction", {"wallet": str(whale.pubkey())})):
        refused = await shop.ask(path, 409, quote_amount="1000", **order, **more)
        assert refused["code"] == "curve_complete"


async def test_what_a_wallet_lacks_is_named(shop: Shop) -> None:
    """Too little SOL, none at all, and too few tokens are refused with the figures; quotes are
    given all the same."""
    mint, poor, empty = shop.launch(shop.wallet()), shop.wallet(SOL // 2), Keypair()
    order = {"mint": str(mint), "side": "buy", "quote_amount": str(SOL)}
    for key in (poor, empty):
        await shop.ask("quote", wallet=str(key.pubkey()), **order)
        refused = await shop.ask("transaction", 409, wallet=str(key.pubkey()), **order)
        assert refused["code"] == "insufficient_funds"
    refused = await shop.ask("transaction", 409, wallet=str(poor.pubkey()), **order)
    assert "has 0.5 SOL and this takes 1.00" in refused["detail"]
    sale = {"mint": str(mint), "side": "sell", "base_amount": "1000000"}
    refused = await shop.ask("transaction", 409, wallet=str(poor.pubkey()), **sale)
    assert refused["code"] == "insufficient_tokens"
    holder = shop.wallet()
    await shop.trade(holder, **order)
    more = {**sale, "base_amount": str(shop.tokens(holder.pubkey(), mint) + 1)}
    refused = await shop.ask("transaction", 409, wallet=str(holder.pubkey()), **more)
    assert refused["code"] == "insufficient_tokens"


async def test_amounts_that_round_to_nothing_are_refused(shop: Shop) -> None:
    """A budget below a token's price buys nothing, and dust does not pay its own fees."""
    mint = str(shop.launch(shop.wallet()))
    for order in (
        {"side": "buy", "quote_amount": "2"},
        {"side": "buy", "base_amount": "0"},
        {"side": "sell", "base_amount": "0"},
    ):
        refused = await shop.ask("quote", 409, mint=mint, **order)
        assert refused["code"] == "amount_too_small", order


async def test_an_unknown_mint_has_no_curve(shop: Shop) -> None:
    """A mint without a curve on the chain is told apart from one whose curve is complete."""
    order = {"mint": str(Keypair().pubkey()), "side": "buy", "quote_amount": "1000000"}
    refused = await shop.ask("quote", 404, **order)
    assert (refused["code"], refused["status"]) == ("unknown_token", 404)


async def test_a_changed_transaction_is_not_relayed(shop: Shop) -> None:
    """Not signed, changed after signing, signed by another key, no trade at all, no transaction:
    each is refused here, and the chain never hears of it."""
    mint, key, other = shop.launch(shop.wallet()), shop.wallet(), shop.wallet()
    order = {"mint": str(mint), "side": "buy", "quote_amount": str(SOL)}
    built = await shop.ask("transaction", wallet=str(key.pubkey()), **order)
    good = bytearray(base64.b64decode(signed_by(key, built["transaction"])))
    changed = bytearray(good)
    changed[-3] ^= 1
    whole = VersionedTransaction.from_bytes(bytes(good))
    foreign = VersionedTransaction.populate(
        whole.message, [other.sign_message(bytes(whole.message))]
    )
    payment = transfer(
        TransferParams(from_pubkey=key.pubkey(), to_pubkey=other.pubkey(), lamports=1)
    )
    latest, _ = shop.net.chain.latest_blockhash(0)
    no_trade = VersionedTransaction(
        MessageV0.try_compile(key.pubkey(), [payment], [], latest), [key]
    )
    for raw in (changed, bytes(foreign), bytes(no_trade), b"no transaction", bytes(good) * 9):
        text = base64.b64encode(bytes(raw)).decode()
        refused = await shop.http.post(f"{API}/submit", json={"transaction": text})
        assert refused.status_code in (400, 422), refused.text
    for text in (built["transaction"], "no base64 at all!"):
        refused_text = await shop.ask("submit", 400, transaction=text)
        assert refused_text["code"] == "transaction_invalid"
    assert shop.tokens(key.pubkey(), mint) == 0


async def test_the_same_transaction_twice_is_one_trade(shop: Shop) -> None:
    """A page that submits again after a lost answer gets the same signature and buys once."""
    mint, key = shop.launch(shop.wallet()), shop.wallet()
    order = {"mint": str(mint), "side": "buy", "base_amount": "1000000"}
    built = await shop.ask("transaction", wallet=str(key.pubkey()), **order)
    transaction = signed_by(key, built["transaction"])
    first, second = [await shop.ask("submit", 202, transaction=transaction) for _ in range(2)]
    assert first == second
    assert shop.tokens(key.pubkey(), mint) == 1_000_000


async def test_what_never_lands_expires(shop: Shop) -> None:
    """A transaction nobody sent is unknown while its blockhash lives and expired afterwards; sent
    then, it is refused as too old."""
    mint, key = shop.launch(shop.wallet()), shop.wallet()
    order = {"mint": str(mint), "side": "buy", "base_amount": "1000000"}
    built = await shop.ask("transaction", wallet=str(key.pubkey()), **order)
    transaction = signed_by(key, built["transaction"])
    raw = base64.b64decode(transaction)
    signature = VersionedTransaction.from_bytes(raw).signatures[0]
    height = built["last_valid_block_height"]
    path = f"status/{signature}"
    assert (await shop.get(path, last_valid_block_height=height))["status"] == "unknown"
    shop.net.tick(200)
    assert (await shop.get(path, last_valid_block_height=height))["status"] == "expired"
    refused = await shop.ask("submit", 409, transaction=transaction)
    assert refused["code"] == "blockhash_expired"


async def test_a_priority_fee_is_what_it_says(shop: Shop) -> None:
    """The network takes no more than the priority asked for, and the quote names what it takes."""
    mint, key = shop.launch(shop.wallet()), shop.wallet()
    order = {"mint": str(mint), "side": "buy", "base_amount": "1000000", "priority_fee": "12345"}
    before = shop.lamports(key.pubkey())
    built = await shop.trade(key, **order)
    change = shop.lamports(key.pubkey()) - before
    assert change == int(built["quote"]["wallet_change"])
    assert change == int(built["simulation"]["wallet_change"])
    assert 5_000 < int(built["quote"]["wallet_costs"]["network_fee"]) <= 5_000 + 12_345


async def test_balances_and_play_money(shop: Shop) -> None:
    """The localnet's faucet funds a new wallet, and its balances are told at once."""
    key = Keypair()
    wallet = str(key.pubkey())
    assert (await shop.get(f"balance/{wallet}"))["lamports"] == "0"
    dropped = await shop.ask("airdrop", 202, wallet=wallet, lamports=str(2 * SOL))
    shop.net.tick()
    assert (await shop.get(f"status/{dropped['signature']}"))["status"] == "confirmed"
    mint = shop.launch(shop.wallet())
    found = await shop.get(f"balance/{wallet}", mint=str(mint))
    assert found["lamports"] == str(2 * SOL)
    assert (found["base_amount"], found["has_token_account"]) == ("0", False)
    await shop.trade(key, mint=str(mint), side="buy", base_amount="77")
    found = await shop.get(f"balance/{wallet}", mint=str(mint))
    assert (found["base_amount"], found["has_token_account"]) == ("77", True)
    await shop.ask("airdrop", 422, wallet=wallet, lamports=str(101 * SOL))


NONSENSE: tuple[dict[str, object], ...] = (
    {"side": "buy", "quote_amount": "1", "base_amount": "1"},
    {"side": "buy"},
    {"side": "sell", "quote_amount": "1"},
    {"side": "buy", "quote_amount": str(2**64)},
    {"side": "buy", "quote_amount": "-1"},
    {"side": "buy", "quote_amount": "1", "slippage_bps": 5_001},
    {"side": "buy", "quote_amount": "1", "wallet": "0" * 40},
    {"side": "buy", "quote_amount": "1", "slippage": 1},
)


async def test_what_makes_no_sense_is_refused(shop: Shop) -> None:
    """Two amounts or none, amounts beyond u64, and members nobody knows are mistakes."""
    mint = str(Keypair().pubkey())
    for body in NONSENSE:
        refused = await shop.ask("quote", 422, mint=mint, **body)
        assert refused["title"], body


async def test_a_live_cluster_trades_only_when_told_to(
    localnet: Localnet, pool: Pool, settings: SettingsFactory
) -> None:
    """On a live cluster quotes are given, transactions are built and relayed behind TRADING_ENABLED
    alone, and there is no faucet in any case."""
    key, chain = Keypair(), localnet.chain
    chain.send(signed(chain, [pump.create(admin().pubkey(), key.pubkey(), admin().pubkey(),
                                          pump.Token("T", "T", "u"))], admin(), key))  # fmt: skip
    wallet = {"wallet": str(admin().pubkey())}
    order = {"mint": str(key.pubkey()), "side": "buy", "base_amount": "1000"}
    for is_enabled, status in ((None, 403), (True, 200)):
        made = settings(
            websocket_port=0, solana_rpc_url=localnet.rpc_url, trading_enabled=is_enabled
        )
        async with serving(made, pool) as url, httpx2.AsyncClient(base_url=url) as http:
            assert (await http.get(API)).json()["is_enabled"] is bool(is_enabled)
            assert (await http.post(f"{API}/quote", json=order)).status_code == 200
            built = await http.post(f"{API}/transaction", json={**order, **wallet})
            assert built.status_code == status, built.text
            drop = await http.post(f"{API}/airdrop", json=wallet)
            assert (drop.status_code, drop.json()["code"]) == (403, "airdrop_disabled")


async def test_without_a_node_or_patience_it_says_so(
    pool: Pool, settings: SettingsFactory, localnet: Localnet
) -> None:
    """A node that is away is 503, and who asks too often is told how long to wait."""
    made = settings(websocket_port=0, localnet_port=localnet.port, trading_requests_per_minute=2)
    await localnet.down()
    order = {"mint": str(Keypair().pubkey()), "side": "buy", "base_amount": "1000"}
    async with serving(made, pool) as url, httpx2.AsyncClient(base_url=url) as http:
        answers = [await http.post(f"{API}/quote", json=order) for _ in range(3)]
    codes = [(each.status_code, each.json()["code"]) for each in answers]
    assert codes == [(503, "node_unavailable")] * 2 + [(429, "rate_limited")]
    assert int(answers[-1].headers["Retry-After"]) >= 1
