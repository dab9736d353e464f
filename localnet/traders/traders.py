"""`Traders`: the demo's crowd. Real signed transactions, sent to any node of a chain to play on."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

import aiohttp
import structlog

from common.errors import NodeError
from localnet.traders.actions import Action
from localnet.traders.campaign import Campaign
from localnet.traders.client import Node
from localnet.traders.mix import Pace
from localnet.traders.setup import begin

log = structlog.get_logger()

Between = Callable[[], object | Awaitable[object]]

_IN_FLIGHT = 32
_SETTLE_EVERY_S = 1.0
_SETTLE_EVERY = 100
"""Transactions of a play."""
_POLL_S = 0.02
_REPEAT_EVERY_POLLS = 20
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 5.0


class Traders:
    """A crowd that launches tokens and trades them, by the seed's choices.

    Works on the localnet, on Surfpool and on solana-test-validator, with pump's program loaded;
    sets pump up if nobody has; leaves out what the chain has no program for (router, hostile).
    """

    def __init__(self, rpc_url: str, seed: int = 1) -> None:
        self._rpc_url = rpc_url
        self._seed = seed

    async def run(self, trades_per_second: float) -> None:
        """Trade for ever, in calm and storm, on average at that pace; survives the node's restarts.

        Raises NodeRefused where trading makes no sense: a public cluster, a chain without pump.
        """
        async with aiohttp.ClientSession() as http:
            node, campaign, wait_s = Node(self._rpc_url, http), None, _FIRST_WAIT_S
            while True:
                try:
                    campaign = await self._resumed(node, campaign)
                    wait_s = _FIRST_WAIT_S
                    await _Crowd(campaign, trades_per_second).trade()
                except NodeError as error:
                    if wait_s == _FIRST_WAIT_S:
                        log.info("traders_wait_for_node", url=self._rpc_url, error=str(error))
                    await asyncio.sleep(wait_s)
                    wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    async def play(self, count: int, between: Between | None = None) -> list[str]:
        """Exactly `count` transactions, one after the other; returns once all are confirmed.

        All kinds take part if `count` is 20 or more, and so do transactions that are meant to fail.
        `between` is called (and awaited) after each, and while waiting: where time stands still, it
        is the place to let slots pass. Returns the signatures in the order they were sent.
        Raises NodeError if the node fails or a transaction is lost for good.
        """
        async with aiohttp.ClientSession() as http:
            campaign = await begin(Node(self._rpc_url, http), self._seed)
            signatures, lost = list[str](), list[str]()
            for number in range(1, count + 1):
                signatures.append(await campaign.send(campaign.plan()))
                await _call(between)
                if number % _SETTLE_EVERY == 0:
                    lost += await campaign.settle(is_confirmed=True)
            lost += await self._until_confirmed(campaign, between)
        if lost:
            raise NodeError("transactions did not land", count=len(lost), first=lost[0])
        return signatures

    async def _resumed(self, node: Node, campaign: Campaign | None) -> Campaign:
        """The same campaign if the chain is the same, its beliefs corrected; else a new one."""
        if campaign is None or not await campaign.is_here():
            campaign = await begin(node, self._seed)
            wallets = len(campaign.world.wallets)
            log.info("traders_started", url=self._rpc_url, wallets=wallets, seed=self._seed)
        else:
            await campaign.correct([sent.action for sent in campaign.pending.values()])
            campaign.pending.clear()
        return campaign

    async def _until_confirmed(self, campaign: Campaign, between: Between | None) -> list[str]:
        """Wait for what is pending; returns what is lost for good."""
        lost = await campaign.settle(is_confirmed=True)
        polls = 0
        while campaign.pending:
            await _call(between)
            await asyncio.sleep(_POLL_S)
            polls += 1
            if polls % _REPEAT_EVERY_POLLS == 0:
                await campaign.repeat()
            lost += await campaign.settle(is_confirmed=True)
        return lost


async def _call(between: Between | None) -> None:
    if between is not None:
        result = between()
        if inspect.isawaitable(result):
            await result


class _Crowd:
    """A campaign at a pace: sends without waiting for the answers before it."""

    def __init__(self, campaign: Campaign, trades_per_second: float) -> None:
        self._campaign = campaign
        self._pace = Pace(campaign.world.rng, trades_per_second)
        self._free = asyncio.Semaphore(_IN_FLIGHT)
        self._tasks = set[asyncio.Task[str]]()
        self._failure: BaseException | None = None

    async def trade(self) -> None:
        """For ever, or until the node fails: raises NodeError."""
        settling = asyncio.create_task(self._settle())
        try:
            while not settling.done():  # it ends only with an error
                action = self._planned()
                await self._until_due(action)
                await self._send(action)
            await settling
        finally:
            settling.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(settling, *self._tasks, return_exceptions=True)

    def _planned(self) -> Action:
        world = self._campaign.world
        if self._pace.is_storm and world.focus is None and world.open_coins():
            world.focus = world.pick_coin()
            world.focus.mood = world.rng.uniform(-0.3, 1.0)
        elif not self._pace.is_storm:
            world.focus = None
        return self._campaign.plan()

    async def _until_due(self, action: Action) -> None:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self._pace.next_due(now, action.trades) - now))

    async def _send(self, action: Action) -> None:
        await self._free.acquire()
        if self._failure is not None:
            raise self._failure
        task = asyncio.create_task(self._campaign.send(action))
        self._tasks.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[str]) -> None:
        self._tasks.discard(task)
        self._free.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(_SETTLE_EVERY_S)
            if not await self._campaign.is_here():
                raise NodeError("the node serves another chain now")
            await self._campaign.settle()
