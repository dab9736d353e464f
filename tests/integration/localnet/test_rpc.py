"""JSON-RPC over HTTP, as solana-py uses it and as it looks on the wire."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import httpx2
import pytest
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed
from solana.rpc.models import TokenAccountOpts
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from localnet.node import Localnet, NodeOptions
from programs import pump_instructions as pump
from programs.pump_instructions import curve_address, token_account
from tests.helpers.chain_user import SOL, ChainUser
from tests.helpers.raw_rpc import RawRpc

NOBODY = str(Pubkey([7] * 32))
CONFIRMED = {"commitment": "confirmed"}


@pytest.fixture
async def rpc(localnet: Localnet) -> AsyncIterator[RawRpc]:
    """The wire."""
    async with RawRpc(localnet.rpc_url) as rpc:
        yield rpc


@pytest.fixture
async def client(localnet: Localnet) -> AsyncIterator[AsyncClient]:
    """solana-py."""
    async with AsyncClient(localnet.rpc_url, commitment=Confirmed) as client:
        yield client


async def test_solana_py_lives_a_whole_trade(localnet: Localnet, client: AsyncClient) -> None:
    """Airdrop, send, status, transaction, block, history and balances agree with one another."""
    user = ChainUser(localnet.chain)
    market = user.launch()
    drop = (await client.request_airdrop(user.address, SOL)).value
    assert (await client.get_signature_statuses([drop])).value[0] is not None
    sent = (await client.send_transaction(user.sign(user.buy(market, 10**12)))).value
    localnet.tick(2)
    transaction = (await client.get_transaction(sent, max_supported_transaction_version=1)).value
    assert transaction is not None
    meta = transaction.transaction.meta
    assert meta is not None
    assert meta.err is None
    block = (await client.get_block(transaction.slot, max_supported_transaction_version=1)).value
    assert block is not None
    assert [tx.transaction.signatures[0] for tx in block.transactions or []][-1] == sent
    history = (await client.get_signatures_for_address(curve_address(market.mint))).value
    assert history[0].signature == sent
    held = token_account(user.address, market.mint)
    balance = (await client.get_token_account_balance(held)).value
    assert (balance.amount, balance.ui_amount_string) == (str(10**12), "1000000")
    owned = TokenAccountOpts(mint=market.mint)
    accounts = (await client.get_token_accounts_by_owner(user.address, owned)).value
    assert [account.pubkey for account in accounts] == [held]
    supply = (await client.get_token_supply(market.mint)).value
    assert supply.amount == str(10**15)
    largest = (await client.get_token_largest_accounts(market.mint)).value
    assert [str(row.address) for row in largest][1] == str(held)
    curves = (await client.get_program_accounts(pump.PUMP, encoding="base64", filters=[151])).value
    assert [curve.pubkey for curve in curves] == [curve_address(market.mint)]


async def test_solana_py_reads_the_cluster(localnet: Localnet, client: AsyncClient) -> None:
    """Slots, heights, epochs and blockhashes parse, and belong to one another."""
    assert (await client.get_version()).value.solana_core
    assert (await client.get_slot()).value == localnet.chain.tip.slot
    latest = (await client.get_latest_blockhash()).value
    height = (await client.get_block_height()).value
    assert height <= latest.last_valid_block_height <= height + 150
    assert (await client.get_epoch_info()).value.slots_in_epoch == 432_000
    rent = (await client.get_minimum_balance_for_rent_exemption(165)).value
    assert rent == localnet.chain.svm.minimum_balance_for_rent_exemption(165)


async def test_preflight_failure_carries_the_simulation(localnet: Localnet, rpc: RawRpc) -> None:
    """-32002 has the error, the logs and the units, and nothing lands."""
    user = ChainUser(localnet.chain)
    transaction = user.sign(user.buy(user.launch(), 10**12, limit=5))
    raw = base64.b64encode(bytes(transaction)).decode()
    error = await rpc.error("sendTransaction", raw, {"encoding": "base64"})
    assert error["code"] == -32002
    assert error["message"].endswith("Error processing Instruction 0: custom program error: 0x1772")
    assert error["data"]["err"] == {"InstructionError": [0, {"Custom": 6002}]}
    assert any("TooMuchSolRequired" in line for line in error["data"]["logs"])
    assert error["data"]["unitsConsumed"] > 0
    assert (await rpc("getSignatureStatuses", [str(transaction.signatures[0])]))["value"] == [None]


async def test_simulation_needs_no_signature_and_shows_accounts(
    localnet: Localnet, rpc: RawRpc
) -> None:
    """Unsigned, with another blockhash, and with the accounts after it; `sigVerify` is honoured."""
    user = ChainUser(localnet.chain)
    market = user.launch()
    message = user.sign(user.buy(market, 10**12)).message
    unsigned = VersionedTransaction.populate(message, [Signature.default()])
    raw = base64.b64encode(bytes(unsigned)).decode()
    wanted = {"encoding": "base64", "addresses": [str(curve_address(market.mint)), NOBODY]}
    config = {"encoding": "base64", "replaceRecentBlockhash": True, "accounts": wanted}
    shown = (await rpc("simulateTransaction", raw, config | {"innerInstructions": True}))["value"]
    assert shown["err"] is None
    assert shown["replacementBlockhash"]["blockhash"]
    assert shown["innerInstructions"][0]["instructions"]
    curve, nobody = shown["accounts"]
    state = pump.read_curve(base64.b64decode(curve["data"][0]))
    assert state.real_token == 793_100_000_000_000 - 10**12
    assert nobody is None
    refused = await rpc.error("simulateTransaction", raw, {"encoding": "base64", "sigVerify": True})
    assert refused["code"] == -32003


async def test_fees_foretold_are_fees_paid(localnet: Localnet, rpc: RawRpc) -> None:
    """getFeeForMessage says what the transaction then costs, priority fee included."""
    user = ChainUser(localnet.chain)
    market = user.launch()
    price, limit = set_compute_unit_price(123_457), set_compute_unit_limit(100_001)
    for number, extra in enumerate(([], [price], [price, limit])):
        transaction = user.sign(*extra, user.buy(market, 10**9 + number, limit=1))
        message = base64.b64encode(bytes(transaction.message)).decode()
        foretold = (await rpc("getFeeForMessage", message))["value"]
        before = localnet.chain.svm.get_balance(user.address) or 0
        localnet.chain.send(transaction, preflight=False)
        assert before - (localnet.chain.svm.get_balance(user.address) or 0) == foretold


REFUSED_PARAMS = [
    ("getBalance", [], "at least 1 argument"),
    ("getBalance", ["notakey"], "Invalid param: Invalid"),
    ("getBalance", [5], "Expected `str`, got `int`"),
    ("getBalance", [NOBODY, {"commitment": "soon"}], "unknown variant `soon`"),
    ("getSlot", [{}, 1, 2], "no more parameters"),
    ("getTransaction", ["1" * 64, {"commitment": "processed"}], "below `confirmed`"),
    ("getBlock", [0, {"commitment": "processed"}], "below `confirmed`"),
    ("getMultipleAccounts", [[NOBODY] * 101], "max 100"),
    ("getSignaturesForAddress", [NOBODY, {"limit": 1001}], "max 1000"),
    ("sendTransaction", ["AAAA", {"encoding": "base64"}], "failed to deserialize"),
    ("sendTransaction", ["A" * 4000, {"encoding": "base64"}], "too large"),
    ("sendTransaction", ["0OIl"], "base58"),
    ("getTokenAccountBalance", [NOBODY], "could not find account"),
    ("getTokenSupply", [NOBODY], "could not find mint"),
    ("getTokenAccountsByOwner", [NOBODY, {}], "`mint` or `programId`"),
    ("requestAirdrop", [NOBODY, -1], "out of range"),
    ("isBlockhashValid", ["?"], "Invalid"),
]


@pytest.mark.parametrize(("method", "params", "words"), REFUSED_PARAMS)
async def test_wrong_parameters_are_refused(
    rpc: RawRpc, method: str, params: list[object], words: str
) -> None:
    """-32602, with words that name what is wrong."""
    error = await rpc.error(method, *params)
    assert error["code"] == -32602
    assert words in error["message"]


async def test_slots_that_have_no_block_say_why(rpc: RawRpc) -> None:
    """Future -32004, skipped -32007, forgotten -32001, and the node behind -32016."""
    options = NodeOptions(keep_transactions=5)
    async with Localnet(options=options) as net, RawRpc(net.rpc_url) as other:
        net.tick(400)
        skipped = net.fork(1).dropped[0]
        net.tick(4)
        tip = net.chain.tip.slot
        codes = [
            (await other.error("getBlock", slot, CONFIRMED))["code"]
            for slot in (tip + 5, tip, skipped, 3)
        ]
        assert codes == [-32004, -32004, -32007, -32001]
        first = await other("getFirstAvailableBlock")
        assert first > 3
        assert skipped not in await other("getBlocks", first, tip, CONFIRMED)
    behind = await rpc.error("getBalance", NOBODY, {"minContextSlot": 10**9})
    assert behind["code"] == -32016
    assert behind["data"]["contextSlot"] < 10**9


async def test_malformed_requests_are_answered(rpc: RawRpc) -> None:
    """No JSON -32700, no method -32600, unknown method -32601; batches answer one by one."""
    assert (await rpc.post("{"))["error"]["code"] == -32700
    assert (await rpc.post(b"\xff\xfe"))["error"]["code"] == -32700
    assert (await rpc.post({"id": 1}))["error"]["code"] == -32600
    assert (await rpc.post([]))["error"]["code"] == -32600
    assert (await rpc.error("noSuchMethod"))["code"] == -32601
    named = {"jsonrpc": "2.0", "id": 1, "method": "getSlot", "params": {"commitment": "x"}}
    assert (await rpc.post(named))["error"]["code"] == -32602
    batch = [{"jsonrpc": "2.0", "id": number, "method": "getHealth"} for number in (1, 2)]
    assert [each["result"] for each in await rpc.post(batch)] == ["ok", "ok"]


async def test_accounts_in_every_encoding(localnet: Localnet, rpc: RawRpc) -> None:
    """base64, slices and jsonParsed; base58 only of short data, as with validators."""
    user = ChainUser(localnet.chain)
    market = user.launch()
    held = str(token_account(user.address, market.mint))
    curve = str(curve_address(market.mint))
    json_parsed = CONFIRMED | {"encoding": "jsonParsed"}
    parsed = (await rpc("getAccountInfo", held, json_parsed))["value"]["data"]
    assert parsed["parsed"]["info"]["owner"] == str(user.address)
    assert parsed["program"] == "spl-token"
    mint = (await rpc("getAccountInfo", str(market.mint), json_parsed))["value"]
    assert mint["data"]["parsed"]["info"]["supply"] == str(10**15)
    assert mint["rentEpoch"] == 2**64 - 1
    part = CONFIRMED | {"encoding": "base64", "dataSlice": {"offset": 0, "length": 8}}
    shown = (await rpc("getAccountInfo", curve, part))["value"]
    assert base64.b64decode(shown["data"][0]) == pump.discriminator("account", "BondingCurve")
    assert shown["space"] == 151
    assert (await rpc.error("getAccountInfo", curve, CONFIRMED))["code"] == -32600
    assert (await rpc("getAccountInfo", str(user.address), CONFIRMED))["value"]["data"] == ""
    assert (await rpc("getAccountInfo", NOBODY))["value"] is None
    creator = {"memcmp": {"offset": 49, "bytes": str(user.address)}}
    filters = [{"dataSize": 151}, creator]
    config = CONFIRMED | {"encoding": "base64", "filters": filters, "withContext": True}
    rows = (await rpc("getProgramAccounts", str(pump.PUMP), config))["value"]
    assert [row["pubkey"] for row in rows] == [curve]


async def test_browsers_may_call_from_anywhere(localnet: Localnet) -> None:
    """CORS is answered, on both ports, and a GET says what is wanted."""
    async with httpx2.AsyncClient() as http:
        for url in (localnet.rpc_url, localnet.ws_url.replace("ws:", "http:")):
            asked = await http.options(url, headers={"Origin": "http://example.org"})
            assert asked.headers["Access-Control-Allow-Origin"] == "*"
            body = {"jsonrpc": "2.0", "id": 1, "method": "getHealth"}
            answer = await http.post(url, json=body)
            assert answer.json()["result"] == "ok"
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert (await http.get(f"{url}/health")).text == "ok"
            assert (await http.get(url)).status_code == 405
            assert (await http.post(url, content="{}")).status_code == 415


async def test_airdrops_of_the_same_amount_are_different(rpc: RawRpc) -> None:
    """Twice the same airdrop in one slot lands twice."""
    key = str(Keypair().pubkey())
    signatures = {await rpc("requestAirdrop", key, SOL) for _ in range(3)}
    assert len(signatures) == 3
    assert (await rpc("getBalance", key, CONFIRMED))["value"] == 3 * SOL
