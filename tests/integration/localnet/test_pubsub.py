"""Subscriptions over real WebSockets."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
from solana.rpc.commitment import Confirmed
from solana.rpc.websocket_api import SolanaWsClient
from solders.keypair import Keypair
from solders.rpc.config import RpcTransactionLogsFilterMentions
from websockets.exceptions import ConnectionClosed

from localnet.node import Localnet, NodeOptions
from programs import pump_instructions as pump
from programs.pump_instructions import curve_address
from tests.helpers.chain_user import ChainUser
from tests.helpers.raw_rpc import RawPubSub, RawRpc

PUMP = {"mentions": [str(pump.PUMP)]}
PROCESSED, CONFIRMED = {"commitment": "processed"}, {"commitment": "confirmed"}


@pytest.fixture
async def lagging() -> AsyncIterator[Localnet]:
    """A chain that confirms after two slots."""
    async with Localnet() as net:
        yield net


@pytest.fixture
async def pubsub(lagging: Localnet) -> AsyncIterator[RawPubSub]:
    """A socket to it."""
    async with RawPubSub(lagging.ws_url) as pubsub:
        yield pubsub


async def test_solana_py_hears_of_trades(localnet: Localnet) -> None:
    """solana-py's client gets logs of transactions that mention pump."""
    user = ChainUser(localnet.chain)
    market = user.launch()
    async with SolanaWsClient(localnet.ws_url) as client:
        mentions = RpcTransactionLogsFilterMentions(pump.PUMP)
        await client.logs_subscribe(filter_=mentions, commitment=Confirmed)
        landed = user.send(user.buy(market, 10**12))
        async with asyncio.timeout(5):
            told = await client.recv()
    assert str(told.result.value.signature) == landed.signature  # type: ignore[union-attr]
    assert told.result.context.slot == landed.slot  # type: ignore[union-attr]


async def test_logs_come_at_their_commitment(lagging: Localnet, pubsub: RawPubSub) -> None:
    """At processed at once, at confirmed two slots later, failed ones too, others never."""
    user = ChainUser(lagging.chain)
    market = user.launch()
    lagging.tick(3)
    early = await pubsub.subscribe("logs", PUMP, PROCESSED)
    late = await pubsub.subscribe("logs", PUMP, CONFIRMED)
    everything = await pubsub.subscribe("logs", "all", PROCESSED)
    sent = [user.send(user.buy(market, 10**12)), user.send(user.buy(market, 10**12, limit=1))]
    other = ChainUser(lagging.chain)
    sent.append(other.send(pump.create_ata(other.address, other.address, market.mint)))
    heard = [await pubsub.next() for _ in range(5)]
    assert await pubsub.nothing_more()
    lagging.tick(2)
    heard += [await pubsub.next() for _ in range(2)]
    assert await pubsub.nothing_more()
    signatures = [landed.signature for landed in sent]
    by_number = {
        number: [result["value"]["signature"] for own, result in heard if own == number]
        for number in (early, late, everything)
    }
    assert by_number == {early: signatures[:2], late: signatures[:2], everything: signatures}
    failed = next(result for own, result in heard if result["value"]["err"])
    assert failed["value"]["err"] == {"InstructionError": [0, {"Custom": 6002}]}
    assert failed["context"] == {"slot": sent[1].slot}
    assert failed["value"]["logs"] == sent[1].meta.logs


async def test_a_dropped_trade_is_never_confirmed(lagging: Localnet, pubsub: RawPubSub) -> None:
    """After a fork processed subscribers have heard of it, confirmed ones never do."""
    user = ChainUser(lagging.chain)
    market = user.launch()
    lagging.tick(3)
    curve = str(curve_address(market.mint))
    config = PROCESSED | {"encoding": "base64"}
    early = await pubsub.subscribe("logs", PUMP, PROCESSED)
    account = await pubsub.subscribe("account", curve, config)
    await pubsub.subscribe("logs", PUMP, CONFIRMED)
    user.send(user.buy(market, 10**12))
    lagging.fork(1)
    lagging.tick(5)
    heard = [await pubsub.next() for _ in range(3)]
    assert [number for number, _ in heard] == [early, account, account]
    states = [
        pump.read_curve(base64.b64decode(result["value"]["data"][0])) for _, result in heard[1:]
    ]
    assert [state.real_sol > 0 for state in states] == [True, False], "the fork is taken back"
    assert await pubsub.nothing_more()


async def test_a_signature_is_told_of_once(lagging: Localnet, pubsub: RawPubSub) -> None:
    """At its commitment, at once if it is there already, and then the subscription is over."""
    user = ChainUser(lagging.chain)
    landed = user.send(user.buy(user.launch(), 10**12))
    at_once = await pubsub.subscribe("signature", landed.signature, PROCESSED)
    assert await pubsub.next() == (
        at_once,
        {"context": {"slot": landed.slot}, "value": {"err": None}},
    )
    later = await pubsub.subscribe("signature", landed.signature, CONFIRMED)
    assert await pubsub.nothing_more()
    lagging.tick(2)
    assert (await pubsub.next())[0] == later
    over = await pubsub.call("signatureUnsubscribe", later)
    assert over["error"]["code"] == -32602


async def test_accounts_of_a_program_are_filtered(lagging: Localnet, pubsub: RawPubSub) -> None:
    """programSubscribe tells of curves of one creator, and of nothing else pump owns."""
    user, other = ChainUser(lagging.chain), ChainUser(lagging.chain)
    mine = {"memcmp": {"offset": 49, "bytes": str(user.address)}}
    config = PROCESSED | {"encoding": "base64", "filters": [{"dataSize": 151}, mine]}
    number = await pubsub.subscribe("program", str(pump.PUMP), config)
    other.launch()
    market = user.launch()
    own, result = await pubsub.next()
    assert (own, result["value"]["pubkey"]) == (number, str(curve_address(market.mint)))
    assert await pubsub.nothing_more()


async def test_slots_and_roots(lagging: Localnet, pubsub: RawPubSub) -> None:
    """slotSubscribe counts up with the parent, also over a fork; rootSubscribe follows."""
    slots = await pubsub.subscribe("slot")
    roots = await pubsub.subscribe("root")
    lagging.tick()
    number, slot = await pubsub.next()
    assert number == slots
    assert slot["parent"] == slot["slot"] - 1
    number, root = await pubsub.next()
    assert (number, root) == (roots, slot["slot"] - 32)
    lagging.fork(1)
    _, forked = await pubsub.next()
    assert (forked["slot"], forked["parent"]) == (slot["slot"] + 1, slot["slot"] - 1)


async def test_blocks_are_filtered_by_mention(lagging: Localnet, pubsub: RawPubSub) -> None:
    """Only blocks with such transactions come, and only with these; version errors are told."""
    user = ChainUser(lagging.chain)
    config = CONFIRMED | {"maxSupportedTransactionVersion": 1, "showRewards": False}
    own = await pubsub.subscribe("block", {"mentionsAccountOrProgram": str(pump.PUMP)}, config)
    async with RawRpc(lagging.rpc_url) as rpc:
        await rpc("requestAirdrop", str(Keypair().pubkey()), 10**9)
    market = user.launch()
    user.send(user.buy(market, 10**12))
    lagging.tick(6)
    number, result = await pubsub.next()
    block = result["value"]["block"]
    assert number == own
    assert len(block["transactions"]) == 2
    assert result["value"]["slot"] == result["context"]["slot"]
    assert await pubsub.nothing_more()


REFUSED = [
    ("logsSubscribe", [], "at least 1"),
    ("logsSubscribe", [{"mentions": []}], "Only 1 address"),
    ("logsSubscribe", ["some"], "unknown variant"),
    ("logsSubscribe", [{"mentions": ["x"]}], "Invalid param"),
    ("accountSubscribe", ["x"], "Invalid param"),
    ("blockSubscribe", ["all", PROCESSED], "below `confirmed`"),
    ("slotUnsubscribe", [77], "Invalid subscription id"),
    ("slotUnsubscribe", [], "Invalid subscription id"),
]


@pytest.mark.parametrize(("method", "params", "words"), REFUSED)
async def test_wrong_subscriptions_are_refused(
    pubsub: RawPubSub, method: str, params: list[object], words: str
) -> None:
    """-32602 with words, and the socket lives on."""
    answer = await pubsub.call(method, *params)
    assert answer["error"]["code"] == -32602
    assert words in answer["error"]["message"]
    assert (await pubsub.call("getHealth"))["result"] == "ok"


async def test_rubbish_does_not_end_a_socket(pubsub: RawPubSub) -> None:
    """What is no JSON is answered with -32700; a ping without id is not answered at all."""
    await pubsub.socket.send("{")
    await pubsub.socket.send('{"jsonrpc":"2.0","method":"ping"}')
    assert "-32700" in str(await pubsub.socket.recv())
    assert (await pubsub.call("getHealth"))["result"] == "ok"


async def test_unsubscribed_means_silence(lagging: Localnet, pubsub: RawPubSub) -> None:
    """After slotUnsubscribe no slot comes."""
    number = await pubsub.subscribe("slot")
    assert (await pubsub.call("slotUnsubscribe", number))["result"] is True
    lagging.tick(3)
    assert await pubsub.nothing_more()


async def test_a_subscriber_that_does_not_read_is_cut() -> None:
    """Its queue is bounded; others hear everything."""
    options = NodeOptions(queued_frames=500)
    async with Localnet(options=options) as net, RawPubSub(net.ws_url) as good:
        await good.subscribe("slot")
        async with RawPubSub(net.ws_url) as slow:
            await slow.subscribe("slot")
            slow.socket.transport.pause_reading()
            heard = 0
            while net.subscriptions.sockets == 2:
                net.tick(200)
                while heard < 200:
                    await good.next()
                    heard += 1
                heard = 0
            slow.socket.transport.resume_reading()
            with pytest.raises(ConnectionClosed):
                while True:
                    await slow.socket.recv()
        assert await good.nothing_more()


async def test_faults_can_be_ordered(lagging: Localnet, pubsub: RawPubSub) -> None:
    """Notifications get lost, and sockets are cut, when a test asks for it."""
    user = ChainUser(lagging.chain)
    market = user.launch()
    await pubsub.subscribe("logs", PUMP, PROCESSED)
    lagging.drop_notifications(1)
    user.send(user.buy(market, 10**12))
    landed = user.send(user.buy(market, 10**13))
    _, result = await pubsub.next()
    assert result["value"]["signature"] == landed.signature
    assert lagging.subscriptions.disconnect() == 1
    with pytest.raises(ConnectionClosed):
        await pubsub.socket.recv()


async def test_both_ports_speak_both_protocols(localnet: Localnet) -> None:
    """PubSub works on the RPC port, JSON-RPC on the PubSub port."""
    async with RawPubSub(localnet.rpc_url.replace("http", "ws")) as pubsub:
        assert await pubsub.subscribe("slot") > 0
    async with RawRpc(localnet.ws_url.replace("ws", "http")) as rpc:
        assert await rpc("getHealth") == "ok"
