"""Decoded events against what a real virtual machine did: both channels, and the balances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx2
import msgspec

from localnet.node import Localnet
from localnet.traders import Traders
from programs.decode import decode_logs, decode_transaction
from programs.events import AnyEvent, Traded
from programs.keys import b58
from programs.registry import PROGRAMS, program_set
from programs.rpc_json import parse_transaction

ALL = program_set(PROGRAMS.values())


async def transactions(net: Localnet, signatures: Sequence[str], encoding: str) -> list[Any]:
    """getTransaction of each, as the node answers."""
    options = {"encoding": encoding, "maxSupportedTransactionVersion": 1, "commitment": "confirmed"}
    async with httpx2.AsyncClient() as client:
        answers = []
        for signature in signatures:
            call = {"method": "getTransaction", "params": [signature, options]}
            response = await client.post(net.rpc_url, json={"jsonrpc": "2.0", "id": 1} | call)
            answers.append(response.json())
    return answers


def without_accounts(events: Sequence[AnyEvent]) -> list[AnyEvent]:
    """Events as logs alone can tell them: pump's trades do not name their curve."""
    return [
        msgspec.structs.replace(event, pool=None) if isinstance(event, Traded) else event
        for event in events
    ]


def bought(events: Sequence[AnyEvent]) -> Counter[tuple[str, str]]:
    """Tokens by (wallet, mint) that these trades brought; sales are negative."""
    tokens: Counter[tuple[str, str]] = Counter()
    for event in events:
        if isinstance(event, Traded):
            assert event.wallet is not None
            assert event.mint is not None
            amount = event.base_amount if event.is_buy else -event.base_amount
            tokens[b58(event.wallet), b58(event.mint)] += amount
    return tokens


def moved(meta: dict[str, Any], wallets: set[str]) -> Counter[tuple[str, str]]:
    """Tokens by (owner, mint) that the balances say these wallets gained or lost."""
    tokens: Counter[tuple[str, str]] = Counter()
    for name, sign in (("preTokenBalances", -1), ("postTokenBalances", 1)):
        for balance in meta[name]:
            if balance["owner"] in wallets:
                amount = int(balance["uiTokenAmount"]["amount"])
                tokens[balance["owner"], balance["mint"]] += sign * amount
    return tokens


async def test_both_channels_and_the_balances_agree(localnet: Localnet) -> None:
    """Logs and whole transactions give the same events, and trades explain the token balances."""
    signatures = await Traders(localnet.rpc_url, seed=5).play(120)
    trades = 0
    for answer in await transactions(localnet, signatures, "json"):
        tx = parse_transaction(answer)
        whole = decode_transaction(tx, ALL)
        logged = decode_logs(tx.logs, tx.err, ALL)
        assert list(logged.events) == without_accounts(whole.events)
        assert not whole.undecoded
        assert not whole.unknown
        assert not logged.needs_transaction
        assert all(share.instructions == share.trades for share in whole.shares)
        tokens = bought(whole.events)
        trades += len(tokens)
        if tx.err is None:
            balances = moved(answer["result"]["meta"], {wallet for wallet, _ in tokens})
            assert {k: v for k, v in tokens.items() if v} == {
                k: v for k, v in balances.items() if v
            }
    assert trades > 80


async def test_parsed_transactions_decode_alike(localnet: Localnet) -> None:
    """Encoding jsonParsed, where instructions name programs and accounts, gives the same events."""
    signatures = await Traders(localnet.rpc_url, seed=6).play(30)
    plain = await transactions(localnet, signatures, "json")
    parsed = await transactions(localnet, signatures, "jsonParsed")
    events = [decode_transaction(parse_transaction(one), ALL).events for one in plain]
    assert events == [decode_transaction(parse_transaction(one), ALL).events for one in parsed]
    assert sum(map(len, events)) > 20
