"""Several endpoints as one node: the first that is well is asked, and the others watched.

Each is asked for its slot about once per slot. One that does not answer, hangs, or lies behind the
others is left within a few slots, calls under way are put to the next one, and the preferred one
(the first of the list) is returned to when it has been well for a while. How long a slot takes is
measured, never assumed: by slot notifications, and without them by these looks.

An endpoint is left for a better one only. How long an answer may take follows from what the
quickest takes of late, and each switch of the last minute makes the next one harder: where all are
slow, or this machine is, going to and fro would only cut what is under way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import compress
from types import TracebackType
from typing import Any, TypeVar

import structlog

from common import metrics
from common.errors import NodeError, NodeRefused
from common.settings import Commitment
from indexer.pace import Priority
from indexer.rpc import Node

_T = TypeVar("_T")

_DECISIVE = (-32007, -32009)
"""The slot was skipped: an answer, not a failure."""
_FAULTS = (None, -32005, -32603, -32015, 429)
"""Codes that speak of the endpoint; None: no answer at all, or none that can be read."""
_LAG_SLOTS = 8
_ABSURD_SLOTS = 1_000
"""Nobody lies so far behind: who claims to be so far ahead is mistaken."""
_SILENT_SLOTS = 4
_RETURN_SLOTS = 20
_LEAST_S = 0.8
_MOST_S = 15.0
_TIMES_USUAL = 3
_FORGET = 0.8
"""What is left of a long answer after each look."""
_SWITCHES = 2
"""So many in a minute are no sign that switching is in vain: there, and back."""
_MEMORY_S = 60.0
_FAILURES = 3
_REFUSED_S = 60.0

_log = structlog.get_logger(__name__)


class SlotClock:
    """How long a slot takes: a moving average of what was seen, in seconds."""

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None
        self._average: float | None = None

    def saw(self, slot: int, at: float) -> None:
        """The chain began this slot at this monotonic time. Slots that are not news say nothing."""
        if self._last is None or slot > self._last[0] + _ABSURD_SLOTS:
            self._last = slot, at
            return
        slots, seconds = slot - self._last[0], at - self._last[1]
        if slots <= 0 or seconds <= 0:
            return
        self._last = slot, at
        one = seconds / slots
        share = min(1.0, 0.1 * slots)
        self._average = (
            one if self._average is None else self._average + share * (one - self._average)
        )
        metrics.SLOT_SECONDS.set(self._average)

    def seconds(self, slots: float, otherwise: float) -> float:
        """How long so many slots take; `otherwise` where nothing was measured."""
        return otherwise if self._average is None else self._average * slots


class Endpoint:
    """One of them, and how it is."""

    def __init__(self, number: int, node: Node, ws_url: str) -> None:
        self.number, self.node, self.ws_url = number, node, ws_url
        self.slot = 0
        self.usual_s = 0.0
        """How long an answer takes, of late and at worst."""
        self.failures = 0
        self.ill_until = 0.0
        self.well_since: float | None = 0.0
        self.left = asyncio.Event()
        """Set while it is not to be asked: who waits for an answer of it need not."""

    @property
    def is_well(self) -> bool:
        """May be asked."""
        return self.well_since is not None

    def took(self, seconds: float) -> None:
        """It answered a look after so long, or had not answered then."""
        self.usual_s = max(seconds, _FORGET * self.usual_s)


class Endpoints(Node):
    """A Node whose calls go to the best endpoint. Use as an async context; `run` watches them."""

    def __init__(
        self,
        urls: Sequence[tuple[str, str]],
        commitment: Commitment,
        requests_per_second: float | None = None,
    ) -> None:
        super().__init__(urls[0][0], commitment, requests_per_second)
        self.clock = SlotClock()
        self.endpoints = [
            Endpoint(number, Node(url, commitment, requests_per_second), ws_url)
            for number, (url, ws_url) in enumerate(urls)
        ]
        self.current = self.endpoints[0]
        self.changed = asyncio.Event()
        """Set at every change of endpoint; who holds a stream of the old one clears it."""
        self._switched: deque[float] = deque(maxlen=2 * _SWITCHES + 4)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for endpoint in self.endpoints:
            await endpoint.node.__aexit__(None, None, None)
        await super().__aexit__(kind, error, trace)

    @property
    def is_alone(self) -> bool:
        """There is nothing to choose from."""
        return len(self.endpoints) == 1

    async def call(
        self, method: str, params: list[Any], kind: type[_T], *, priority: Priority = Priority.LIVE
    ) -> _T:
        """Ask the current endpoint, and where it fails each other one, once."""
        first: NodeError | NodeRefused | None = None
        for endpoint in self._candidates():
            try:
                result = await self._asked(endpoint, method, params, kind, priority)
            except NodeRefused as error:
                if "status" in error.fields:  # us, not this call alone
                    self._fault(endpoint, str(error), _REFUSED_S)
                first = first or error
            except NodeError as error:
                if error.fields.get("code") in _DECISIVE:
                    raise
                if error.fields.get("code") in _FAULTS:
                    endpoint.failures += 1
                    if endpoint.failures >= _FAILURES:
                        self._fault(endpoint, str(error))
                first = error if first is None or isinstance(first, NodeRefused) else first
            else:
                endpoint.failures = 0
                return result
        raise first or NodeError("no endpoint is well")

    @property
    def candidates(self) -> list[Endpoint]:
        """Those that are well, the current one first; if none is, the current one."""
        return [one for one in self._candidates() if one.is_well] or [self.current]

    @property
    def well(self) -> Sequence[Node]:
        """See Node."""
        return [one.node for one in self.candidates]

    async def transaction_of_any(
        self, signature: str, *, priority: Priority = Priority.LIVE
    ) -> bytes | None:
        """See Node. Raises NodeError if none has it and one failed."""
        failure: NodeError | None = None
        for node in self.well:
            try:
                raw = await node.transaction(signature, priority=priority)
            except NodeError as error:
                failure = error
            else:
                if raw is not None:
                    return raw
        if failure is not None:
            raise failure
        return None

    async def _asked(
        self, endpoint: Endpoint, method: str, params: list[Any], kind: type[_T], priority: Priority
    ) -> _T:
        """The endpoint's answer, unless it is given up meanwhile."""
        if self.is_alone:
            return await endpoint.node.call(method, params, kind, priority=priority)
        asking = asyncio.create_task(endpoint.node.call(method, params, kind, priority=priority))
        leaving = asyncio.create_task(endpoint.left.wait())
        try:
            await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done() and any(other.is_well for other in self.endpoints):
                raise NodeError("the endpoint was left", method=method, endpoint=endpoint.number)
            return await asking
        finally:
            asking.cancel()
            leaving.cancel()
            await asyncio.gather(asking, leaving, return_exceptions=True)

    def _candidates(self) -> list[Endpoint]:
        others = [one for one in self.endpoints if one is not self.current]
        return [self.current, *sorted(others, key=lambda one: not one.is_well)]

    def stream_failed(self, reason: str) -> None:
        """The current endpoint's stream broke or stood still."""
        if any(one.is_well for one in self.endpoints if one is not self.current):
            self._fault(self.current, reason, self.clock.seconds(_RETURN_SLOTS, 5.0))

    @property
    def doubt(self) -> float:
        """How many times longer than usual to bear with an endpoint: twice for each switch of the
        last minute that there should have been no need of.
        """
        now = asyncio.get_running_loop().time()
        recent = sum(now - at < _MEMORY_S for at in self._switched)
        return 2.0 ** max(0, recent - _SWITCHES)

    async def run(self) -> None:
        """Watch them, for ever; returns at once if there is but one."""
        while not self.is_alone:
            pause = max(_LEAST_S / 2, self.clock.seconds(1, _LEAST_S))
            await asyncio.gather(self._look(), asyncio.sleep(pause))

    async def _look(self) -> None:
        before, patience = self._tip(), self._patience_s()
        visits = [self._visit(one, patience) for one in self.endpoints]
        silent = set(compress(self.endpoints, await asyncio.gather(*visits)))
        # All were asked after that slot was told of: that its answer came early puts none behind.
        tip = min(before, self._tip())
        is_answered = any(one.is_well for one in self.endpoints if one not in silent)
        for endpoint in self.endpoints:
            lag = max(0, tip - endpoint.slot)
            metrics.ENDPOINT_LAG_SLOTS.labels(endpoint.number).set(lag)
            if endpoint in silent and is_answered:
                self._fault(endpoint, "it hangs")
            elif endpoint.is_well and _LAG_SLOTS < lag < _ABSURD_SLOTS:
                self._fault(endpoint, f"it lies {lag} slots behind")
        self._choose(asyncio.get_running_loop().time())

    def _tip(self) -> int:
        return max((one.slot for one in self.endpoints if one.is_well), default=0)

    def _patience_s(self) -> float:
        """How long an answer may take before a quicker endpoint is the better one."""
        usual = min(one.usual_s for one in self.endpoints)
        least = max(_LEAST_S, self.clock.seconds(_SILENT_SLOTS, 2 * _LEAST_S))
        return min(_MOST_S, max(least * self.doubt, _TIMES_USUAL * usual))

    async def _visit(self, endpoint: Endpoint, patience_s: float) -> bool:
        """Ask it for its slot. Whether it kept silent."""
        now = asyncio.get_running_loop().time
        asked_at = now()
        try:
            async with asyncio.timeout(patience_s):
                endpoint.slot = await endpoint.node.newest_slot()
        except TimeoutError:
            endpoint.took(patience_s)
            return True
        except (NodeError, NodeRefused) as error:
            self._fault(endpoint, str(error))
            return False
        endpoint.took(now() - asked_at)
        if endpoint is self.current:
            self.clock.saw(endpoint.slot, now())
        if not endpoint.is_well and now() >= endpoint.ill_until:
            endpoint.well_since, endpoint.failures = now(), 0
            endpoint.left.clear()
        return False

    def _fault(self, endpoint: Endpoint, reason: str, ill_s: float = 0.0) -> None:
        """It is not well, for at least so long."""
        now = asyncio.get_running_loop().time()
        endpoint.ill_until = max(endpoint.ill_until, now + ill_s)
        if endpoint.is_well and not self.is_alone:
            _log.warning("endpoint_ill", endpoint=endpoint.number, reason=reason)
            endpoint.well_since = None
            self._choose(now)
            endpoint.left.set()

    def _choose(self, now: float) -> None:
        """The first that is well; but back to an earlier one only after a while."""
        well = [one for one in self.endpoints if one.is_well]
        if not well:
            return
        best = well[0]
        if self.current.is_well and best is not self.current:
            since = best.well_since or 0.0
            if now - since < self.clock.seconds(_RETURN_SLOTS, 10.0) * self.doubt:
                return
        if best is not self.current:
            _log.warning("endpoint_switched", old=self.current.number, new=best.number)
            metrics.ENDPOINT_SWITCHES.inc()
            self._switched.append(now)
            self.current = best
            self.changed.set()
