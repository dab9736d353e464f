"""getTransaction and getBlock in every version, encoding and detail."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0, MessageV1, TransactionConfig
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from localnet.encoding import from_base58
from localnet.node import Localnet
from programs import pump_instructions as pump
from tests.helpers.chain_user import ChainUser
from tests.helpers.raw_rpc import RawRpc

TABLES = Pubkey.from_string("AddressLookupTab1e1111111111111111111111111")
CONFIRMED = {"commitment": "confirmed"}
ANY_VERSION = CONFIRMED | {"maxSupportedTransactionVersion": 1}


def table_account(keys: list[Pubkey]) -> Account:
    """A lookup table that is active from slot 0 on."""
    header = struct.pack("<IQQBB32sH", 1, 2**64 - 1, 0, 0, 1, bytes(32), 0)
    return Account(10**9, header + b"".join(map(bytes, keys)), TABLES)


def with_table(net: Localnet, user: ChainUser) -> tuple[VersionedTransaction, pump.Market]:
    """A purchase as a v0 transaction that finds most of its accounts in a table."""
    market = user.launch()
    instruction = user.buy(market, 10**12)
    keys = [meta.pubkey for meta in instruction.accounts if not meta.is_signer]
    table = Pubkey.new_unique()
    net.chain.accounts.put(table, table_account(keys))
    net.tick(2)
    lookup = AddressLookupTableAccount(table, keys)
    message = MessageV0.try_compile(user.address, [instruction], [lookup], latest(net))
    return VersionedTransaction(message, [user.key]), market


def latest(net: Localnet) -> Hash:
    """A blockhash to sign with."""
    return net.chain.latest_blockhash(0)[0]


async def test_lookup_tables_are_resolved(localnet: Localnet) -> None:
    """A v0 trade prints its lookups, the loaded addresses, and indexes into both together."""
    user = ChainUser(localnet.chain)
    transaction, market = with_table(localnet, user)
    signature = localnet.chain.send(transaction)
    async with RawRpc(localnet.rpc_url) as rpc:
        shown = await rpc("getTransaction", signature, ANY_VERSION)
        refused = await rpc.error("getTransaction", signature, CONFIRMED)
        named = await rpc("getTransaction", signature, ANY_VERSION | {"encoding": "jsonParsed"})
    assert shown["version"] == 0
    assert shown["meta"]["err"] is None
    message, loaded = shown["transaction"]["message"], shown["meta"]["loadedAddresses"]
    assert message["addressTableLookups"][0]["writableIndexes"]
    keys = message["accountKeys"] + loaded["writable"] + loaded["readonly"]
    (instruction,) = message["instructions"]
    wanted = [str(meta.pubkey) for meta in user.buy(market, 1).accounts]
    assert [keys[at] for at in instruction["accounts"]] == wanted
    assert refused["code"] == -32015
    sources = {key["source"] for key in named["transaction"]["message"]["accountKeys"]}
    assert sources == {"transaction", "lookupTable"}
    assert "loadedAddresses" not in named["meta"]
    assert named["transaction"]["message"]["instructions"][0]["accounts"] == wanted


async def test_a_table_that_is_not_there_stops_the_transaction(localnet: Localnet) -> None:
    """Without its lookup table a v0 transaction never lands."""
    user = ChainUser(localnet.chain)
    transaction, _ = with_table(localnet, user)
    table = transaction.message.address_table_lookups[0].account_key  # type: ignore[union-attr]
    localnet.chain.accounts.put(table, Account(0, b"", pump.SYSTEM))
    signature = localnet.chain.send(transaction, preflight=False)
    assert signature not in localnet.chain.ledger.transactions


async def test_version_1_transactions_execute_and_print(localnet: Localnet) -> None:
    """A v1 transaction lands, prints its transactionConfig, and needs version 1 to be asked for."""
    user = ChainUser(localnet.chain)
    payment = TransferParams(from_pubkey=user.address, to_pubkey=Keypair().pubkey(), lamports=10**7)
    config = TransactionConfig(compute_unit_limit=20_000)
    message = MessageV1.try_compile(user.address, [transfer(payment)], latest(localnet), config)
    raw = base64.b64encode(bytes(VersionedTransaction(message, [user.key]))).decode()
    async with RawRpc(localnet.rpc_url) as rpc:
        signature = await rpc("sendTransaction", raw, {"encoding": "base64"})
        shown = await rpc("getTransaction", signature, ANY_VERSION)
        older = CONFIRMED | {"maxSupportedTransactionVersion": 0}
        refused = await rpc.error("getTransaction", signature, older)
    assert shown["version"] == 1
    config_shown = shown["transaction"]["message"]["transactionConfig"]
    assert config_shown["computeUnitLimit"] == 20_000
    assert refused["code"] == -32015
    assert "(1)" in refused["message"]


@pytest.fixture
async def traded(localnet: Localnet) -> Any:
    """A confirmed purchase: its signature, slot and bytes, in a closed slot."""
    user = ChainUser(localnet.chain)
    landed = user.send(user.buy(user.launch(), 10**12))
    localnet.tick(2)
    return landed


async def test_encodings_hold_the_same_transaction(localnet: Localnet, traded: Any) -> None:
    """json, jsonParsed, base64 and base58 are four ways to print the same bytes."""
    async with RawRpc(localnet.rpc_url) as rpc:
        plain = await rpc("getTransaction", traded.signature, CONFIRMED)
        found = {
            encoding: await rpc(
                "getTransaction", traded.signature, CONFIRMED | {"encoding": encoding}
            )
            for encoding in ("json", "jsonParsed", "base64", "base58")
        }
        by_name = await rpc("getTransaction", traded.signature, "json")
    assert by_name is None, "the default commitment is finalized"
    assert found["json"] == plain
    assert "version" not in plain
    assert base64.b64decode(found["base64"]["transaction"][0]) == traded.raw
    assert from_base58(found["base58"]["transaction"][0]) == traded.raw
    assert found["jsonParsed"]["transaction"]["signatures"] == [traded.signature]
    assert (plain["slot"], plain["transactionIndex"]) == (traded.slot, 1)
    meta = plain["meta"]
    changes = zip(meta["preBalances"], meta["postBalances"], strict=True)
    assert sum(after - before for before, after in changes) == -meta["fee"]
    before, after = meta["preTokenBalances"], meta["postTokenBalances"]
    assert {row["uiTokenAmount"]["amount"] for row in before} == {str(10**15), "0"}
    assert sum(int(row["uiTokenAmount"]["amount"]) for row in after) == 10**15


async def test_blocks_in_every_detail(localnet: Localnet, traded: Any) -> None:
    """full, accounts, signatures and none; rewards only if wanted."""
    async with RawRpc(localnet.rpc_url) as rpc:

        async def block(**config: object) -> Any:
            return await rpc("getBlock", traded.slot, ANY_VERSION | config)

        full = await block()
        accounts = await block(transactionDetails="accounts")
        signatures = await block(transactionDetails="signatures", rewards=False)
        nothing = await block(transactionDetails="none")
        time = await rpc("getBlockTime", traded.slot)
        blocks = await rpc("getBlocksWithLimit", traded.slot, 2, CONFIRMED)
    own = [row["transaction"]["signatures"][0] for row in full["transactions"]]
    assert own[-1] == traded.signature
    assert signatures["signatures"] == own
    assert "rewards" in full
    assert "rewards" not in signatures
    assert "transactions" not in nothing
    keys = accounts["transactions"][-1]["transaction"]["accountKeys"]
    assert keys[0] == {
        "pubkey": str(traded.keys[0]), "signer": True, "source": "transaction", "writable": True,
    }  # fmt: skip
    assert full["blockTime"] == time
    assert blocks == [traded.slot, traded.slot + 1]
    assert full["parentSlot"] == traded.slot - 1
