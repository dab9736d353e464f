"""Before the first trade: is this chain one to play on, is pump there, has everybody money."""

from __future__ import annotations

import asyncio
import random
import secrets

from solders.keypair import Keypair

from common.errors import NodeError, NodeRefused
from localnet.traders.actions import MintKeys, Planner, derived_key
from localnet.traders.campaign import ALLOWANCE, WHALE_ALLOWANCE, Campaign, signed
from localnet.traders.client import Node
from localnet.traders.mix import ALL_KINDS, kinds
from localnet.traders.world import SOL, Wallet, World
from programs.onchain import HOSTILE, ROUTER
from programs.pump_instructions import GLOBAL, PUMP, GlobalState, initialize, read_global

PUBLIC_CLUSTERS = {
    "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d": "mainnet",
    "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG": "devnet",
    "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY": "testnet",
}
"""Genesis hashes of clusters that are no playground."""
FEE_BPS, CREATOR_FEE_BPS = 95, 30
"""Set by us where pump is not initialized: what a real trade of 2026-02 paid."""
PEOPLE, WHALES = 24, 4
_LANDING_TIMEOUT_S = 60.0
_POLL_S = 0.05


async def begin(node: Node, seed: int) -> Campaign:
    """A campaign with funded wallets. Raises NodeRefused where there is nothing to trade on.

    The choices follow from `seed`, the keys do not: a second campaign on the same chain has its own
    wallets and tokens.
    """
    genesis = await node.genesis_hash()
    if genesis in PUBLIC_CLUSTERS:
        cluster = PUBLIC_CLUSTERS[genesis]
        raise NodeRefused(f"the demo traders do not trade on {cluster}", hint="Use a localnet")
    available = await _available_kinds(node)
    entropy = secrets.token_bytes(32)
    wallets = [Wallet(derived_key(entropy, f"wallet {n}"), n < WHALES) for n in range(PEOPLE)]
    await _fund(node, wallets)
    rules = await _rules(node, derived_key(entropy, "keeper"))
    rng = random.Random(seed)  # noqa: S311 - choices that can be repeated, no secrets
    world = World(rng, rules, wallets)
    planner = Planner(world, MintKeys(entropy))
    return Campaign(node, genesis, planner, kinds(rng, available))


async def _available_kinds(node: Node) -> set[str]:
    pump, router, hostile = await node.accounts([PUMP, ROUTER, HOSTILE])
    if pump is None:
        raise NodeRefused(
            f"there is no program {PUMP} on this chain",
            hint="Start the validator with it: see docs/localnet.md",
        )
    missing = {"routed"} if router is None else set[str]()
    missing |= {"lie"} if hostile is None else set[str]()
    return set(ALL_KINDS) - missing


async def _fund(node: Node, wallets: list[Wallet]) -> None:
    for wallet in wallets:
        wallet.lamports = WHALE_ALLOWANCE if wallet.is_whale else ALLOWANCE
    await landed(
        node,
        await asyncio.gather(*(node.airdrop(each.address, each.lamports) for each in wallets)),
    )


async def _rules(node: Node, keeper: Keypair) -> GlobalState:
    """Pump's Global account, which we make if nobody has."""
    (data,) = await node.accounts([GLOBAL])
    if data is None:
        await landed(node, [await node.airdrop(keeper.pubkey(), 10 * SOL)])
        setup = initialize(keeper.pubkey(), FEE_BPS, CREATOR_FEE_BPS)
        signature, raw = signed([setup], [keeper], await node.blockhash())
        await node.send(raw)
        await landed(node, [signature])
        (data,) = await node.accounts([GLOBAL])
    if data is None:
        raise NodeError("pump could not be initialized", account=GLOBAL)
    return read_global(data)


async def landed(node: Node, signatures: list[str]) -> None:
    """Wait until all of them are in a block. Raises NodeError after a minute."""
    try:
        async with asyncio.timeout(_LANDING_TIMEOUT_S):
            statuses = await node.statuses(signatures)
            while None in statuses:
                await asyncio.sleep(_POLL_S)
                statuses = await node.statuses(signatures)
    except TimeoutError:
        raise NodeError("transactions do not land", count=len(signatures)) from None
