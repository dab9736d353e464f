"""A Solana node on this machine: `Localnet` in a program or a test, `run_localnet` by itself."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from types import TracebackType
from typing import Self

import msgspec
import structlog
from aiohttp import web

from common.errors import PortInUse
from common.ports import require_free_port
from common.settings import Settings
from localnet.chain import Chain, ChainOptions, Fork
from localnet.genesis import lay_foundation
from localnet.own_programs import OwnProgram, own_programs
from localnet.pubsub import Subscriptions
from localnet.rpc.accounts import AccountMethods
from localnet.rpc.blocks import BlockMethods
from localnet.rpc.cluster import ClusterMethods
from localnet.rpc.dev import Clockwork, DevMethods
from localnet.rpc.dispatch import Dispatcher
from localnet.rpc.transactions import TransactionMethods
from localnet.server import MAX_QUEUED_FRAMES, Server

log = structlog.get_logger()

_FREE_PORTS, _FREE_PORT_TRIES = range(10_000, 32_000, 2), 200
"""Below the ports that outgoing connections take: a node that restarts finds its own again."""
SLOT_EPOCH_S = 1_600_000_000
"""Slot 0 of a clock of 400 ms slots, near enough to mainnet's: see `first_slot_now`."""


class NodeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is rarely set: address to listen on, memory limits, the chain's clock and first slot."""

    host: str = "127.0.0.1"
    keep_transactions: int = 100_000
    queued_frames: int = MAX_QUEUED_FRAMES
    first_slot: int | None = None
    """Default: 0 where time stands still, else `first_slot_now`."""
    programs: tuple[OwnProgram, ...] = ()
    """Programs of one's own, there from the first slot on."""


def first_slot_now(slot_ms: int) -> int:
    """A first slot that no earlier localnet of this pace has reached: its slots follow the clock.

    Everything about a restarted localnet is new; this way its slots at least do not run backwards.
    """
    return int((time.time() - SLOT_EPOCH_S) * 1000 / slot_ms)


class Localnet:
    """A chain with pump's program behind JSON-RPC and PubSub, both on port and on port + 1.

    `port` 0 takes a free pair. `slot_ms` None: time stands still until `tick`. A transaction is
    confirmed and finalized when so many slots stand above its own; 0 means at once.
    """

    def __init__(
        self,
        port: int = 0,
        slot_ms: int | None = None,
        confirm_after: int = 2,
        finalize_after: int = 32,
        options: NodeOptions | None = None,
    ) -> None:
        self.options = options or NodeOptions()
        self.port = port
        self.slot_ms = slot_ms
        first_slot = self.options.first_slot
        if first_slot is None:
            first_slot = first_slot_now(slot_ms) if slot_ms else 0
        self.chain = Chain(
            ChainOptions(
                confirm_after=confirm_after,
                finalize_after=finalize_after,
                keep_transactions=self.options.keep_transactions,
                first_slot=first_slot,
            )
        )
        lay_foundation(self.chain, self.options.programs)
        self.clockwork = Clockwork()
        self.subscriptions = Subscriptions(self.chain)
        groups = (ClusterMethods, AccountMethods, TransactionMethods, BlockMethods)
        methods = {
            name: method for group in groups for name, method in group(self.chain).methods().items()
        }
        methods |= DevMethods(self.chain, self.clockwork, self.subscriptions).methods()
        self._server = Server(Dispatcher(methods), self.subscriptions, self.options.queued_frames)
        self._runner: web.AppRunner | None = None
        self._clock: asyncio.Task[None] | None = None

    @property
    def rpc_url(self) -> str:
        """Where JSON-RPC answers."""
        return f"http://{self.options.host}:{self.port}"

    @property
    def ws_url(self) -> str:
        """Where PubSub answers, by Solana's convention: the next port."""
        return f"ws://{self.options.host}:{self.port + 1}"

    def tick(self, count: int = 1) -> int:
        """Let `count` slots pass; returns the slot that is open then."""
        for _ in range(count):
            self.chain.tick()
        return self.chain.tip.slot

    def fork(self, depth: int, *, replay: bool = False, confirmed: bool = False) -> Fork:
        """Abandon the `depth` newest unconfirmed slots, or with `confirmed` unfinalized ones;
        `replay` lands their transactions again.
        """
        return self.chain.fork(depth, replay=replay, confirmed=confirmed)

    def drop_notifications(self, count: int) -> None:
        """Lose the next `count` logs notifications, as busy nodes do."""
        self.subscriptions.drop_next = count

    async def up(self) -> None:
        """Begin to listen. Raises PortInUse naming who holds the port."""
        runner = web.AppRunner(self._server.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            self.port = await self._listen(runner)
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        if self.slot_ms is not None:
            self._clock = asyncio.create_task(self._run_clock(self.slot_ms / 1000))

    async def down(self) -> None:
        """Stop listening and stop the clock; the chain stays, `up` resumes on the same port."""
        if self._clock is not None:
            self._clock.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._clock
            self._clock = None
        self.subscriptions.disconnect()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.down()

    async def _listen(self, runner: web.AppRunner) -> int:
        if self.port:
            await self._bind(runner, self.port)
            return self.port
        for _ in range(_FREE_PORT_TRIES):
            port = _FREE_PORTS[secrets.randbelow(len(_FREE_PORTS))]
            try:
                first = await self._bind_one(runner, port)
            except OSError:
                continue
            try:
                await self._bind_one(runner, port + 1)
            except OSError:
                await first.stop()
                continue
            return port
        raise PortInUse("no two neighbouring ports are free", hint="Close some servers")

    async def _bind(self, runner: web.AppRunner, port: int) -> None:
        for each in (port, port + 1):
            require_free_port(self.options.host, each, option="LOCALNET_PORT")
            await self._bind_one(runner, each)

    async def _bind_one(self, runner: web.AppRunner, port: int) -> web.TCPSite:
        site = web.TCPSite(runner, self.options.host, port)
        await site.start()
        return site

    async def _run_clock(self, slot_s: float) -> None:
        """Ticks at a steady pace; after a pause of the machine it does not hurry to catch up."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + slot_s, loop.time())
            await asyncio.sleep(due - loop.time())
            if not self.clockwork.is_paused:
                self.chain.tick()


def localnet_of(settings: Settings) -> Localnet:
    """The localnet that `settings` describe. Raises SettingsError for a wrong program."""
    programs = own_programs(settings.localnet_programs)
    options = NodeOptions(host=settings.localnet_host, programs=programs)
    return Localnet(settings.localnet_port, settings.localnet_slot_ms, options=options)


async def run_localnet(settings: Settings) -> None:
    """The localnet of `settings`, until cancelled. Raises PortInUse, SettingsError."""
    async with localnet_of(settings) as net:
        log.info("localnet_started", rpc=net.rpc_url, websocket=net.ws_url, slot_ms=net.slot_ms)
        await asyncio.Event().wait()
