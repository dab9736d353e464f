"""JSON-RPC calls to a Solana node: typed, limited in rate, with errors that say what to do.

Facts: Solana's RPC documentation and agave's rpc-client-api custom errors. `finalized` is the
default of every method, so the commitment is always sent; `processed` is refused by history methods
(-32602).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2
import msgspec

from common import metrics
from common.errors import NodeError, NodeRefused
from common.settings import Commitment
from common.tracing import span
from indexer.pace import Pace, Priority

PAGE = 1_000
"""Most signatures a node gives in one answer."""

_TIMEOUT_S = 15
_MAX_PAUSE_S = 10.0
_BUSY = (-32005, -32603, 429)
"""Codes that say the node has too much to do, or is too far behind, to answer."""
_SKIPPED = (-32007, -32009)
"""The only codes that say a slot has no block; -32004 and -32014 say "not yet"."""
_HINTS = {
    -32015: "a transaction of a newer version than 1: update curvefeed; until then it is a gap",
    -32001: "the node has pruned the slot: use an endpoint with more history",
}
_REFUSED = {
    -32600: "the node calls the request invalid",
    -32601: "the node does not offer this method: use another endpoint",
    -32602: "the node does not accept the parameters",
}
_REFUSED_STATUS = {
    401: "check the API key in SOLANA_RPC_URL",
    403: "check the API key in SOLANA_RPC_URL, or its plan",
    404: "check the path of SOLANA_RPC_URL",
}

_T = TypeVar("_T")


class SignatureInfo(msgspec.Struct, frozen=True, rename="camel"):
    """One line of getSignaturesForAddress."""

    signature: str
    slot: int
    err: object | None = None
    block_time: int | None = None
    transaction_index: int | None = None
    """Index in the block; older nodes do not say it."""


class _Error(msgspec.Struct):
    code: int
    message: str = ""


class _Answer(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode


class Node:
    """One endpoint. Use as an async context; calls may run concurrently."""

    def __init__(
        self, url: str, commitment: Commitment, requests_per_second: float | None = None
    ) -> None:
        self.commitment = commitment
        self.seen_slot = 0
        """Newest slot that was heard to be begun: those before it are closed."""
        self.slot_s = 0.0
        """How long a slot takes, as measured; 0: not measured."""
        self._url = url
        self._is_surfpool: bool | None = None
        self._history = "confirmed" if commitment == "processed" else commitment
        self._ids = count(1)
        self._pace = Pace(requests_per_second)
        self._http = httpx2.AsyncClient(timeout=_TIMEOUT_S)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    @property
    def well(self) -> Sequence[Node]:
        """Every endpoint that may be asked, the preferred first: for who trusts no single one."""
        return [self]

    async def newest_slot(self) -> int:
        """The slot the node is processing."""
        return await self.call("getSlot", [{"commitment": "processed"}], int)

    async def history_slot(self) -> int:
        """Newest slot whose history can be asked for at our commitment."""
        return await self.call("getSlot", [{"commitment": self._history}], int)

    async def closed_slot(self) -> int:
        """Newest slot of the history that no transaction can be added to any more.

        A validator confirms closed slots alone; a chain of one node may confirm what it still
        fills.
        """
        slot = await self.history_slot()
        if slot >= self.seen_slot:
            self.seen_slot = max(self.seen_slot, await self.newest_slot())
        return min(slot, self.seen_slot - 1)

    async def finalized_slot(self) -> int:
        """Newest slot that no fork can undo."""
        return await self.call("getSlot", [{"commitment": "finalized"}], int)

    async def confirmed_slot(self) -> int:
        """Newest slot that two thirds of the stake voted for."""
        return await self.call("getSlot", [{"commitment": "confirmed"}], int)

    async def has_alpenglow(self) -> bool:
        """Whether the cluster has a genesis certificate of Alpenglow. Raises NodeRefused where the
        node does not know the method.
        """
        raw = await self.call("getAgGenesisCert", [], msgspec.Raw)
        return bytes(raw) != b"null"

    async def genesis_hash(self) -> str:
        """What tells this chain from every other."""
        return await self.call("getGenesisHash", [], str)

    async def signatures(
        self,
        address: str,
        before: str | None = None,
        *,
        least_slot: int | None = None,
        priority: Priority = Priority.LIVE,
    ) -> list[SignatureInfo]:
        """Up to `PAGE` signatures that name the address, newest first, older than `before`.

        Inside one slot: the last in the block first. A backend that has not reached `least_slot`
        refuses (-32016) instead of leaving out what it does not know yet.
        """
        config: dict[str, Any] = {"commitment": self._history, "limit": PAGE}
        if before is not None:
            config["before"] = before
        if least_slot is not None:
            config["minContextSlot"] = least_slot
        page = await self._page(address, config, priority)
        if not page and least_slot is not None and await self._lists_from_context_slot():
            del config["minContextSlot"]
            page = await self._page(address, config, priority)
        return page

    async def _page(
        self, address: str, config: dict[str, Any], priority: Priority
    ) -> list[SignatureInfo]:
        params = [address, config]
        return await self.call(
            "getSignaturesForAddress", params, list[SignatureInfo], priority=priority
        )

    async def _lists_from_context_slot(self) -> bool:
        """Surfpool takes `minContextSlot` for where the list ends. It is one process: there is no
        backend that lags.
        """
        if self._is_surfpool is None:
            try:
                version = await self.call("getVersion", [], dict[str, Any])
            except (NodeError, NodeRefused):
                return False
            self._is_surfpool = "surfnet-version" in version
        return self._is_surfpool

    async def transaction(
        self, signature: str, *, priority: Priority = Priority.LIVE
    ) -> bytes | None:
        """JSON of the transaction; None: the node does not have it (yet)."""
        params = [signature, self._whole()]
        raw = await self.call("getTransaction", params, msgspec.Raw, priority=priority)
        return None if bytes(raw) == b"null" else bytes(raw)

    async def transaction_of_any(
        self, signature: str, *, priority: Priority = Priority.LIVE
    ) -> bytes | None:
        """The same, where there are several endpoints: None only if none that is well has it."""
        return await self.transaction(signature, priority=priority)

    async def block_slots(self, first: int, last: int) -> list[int]:
        """Slots from `first` to `last` that have a block."""
        params = [first, last, {"commitment": self._history}]
        return await self.call("getBlocks", params, list[int], priority=Priority.GAP)

    async def block(self, slot: int, *, priority: Priority = Priority.GAP) -> bytes | None:
        """JSON of a block with whole transactions; None: the node says the slot was skipped."""
        config = self._whole() | {"transactionDetails": "full", "rewards": False}
        try:
            raw = await self.call("getBlock", [slot, config], msgspec.Raw, priority=priority)
        except NodeError as error:
            if error.fields.get("code") in _SKIPPED:
                return None
            raise
        if bytes(raw) == b"null":
            raise NodeError("the node does not have the block", slot=slot)
        return bytes(raw)

    def _whole(self) -> dict[str, Any]:
        return {
            "commitment": self._history,
            "encoding": "json",
            "maxSupportedTransactionVersion": 1,
        }

    async def call(
        self, method: str, params: list[Any], kind: type[_T], *, priority: Priority = Priority.LIVE
    ) -> _T:
        """One call, once. Raises NodeError for what may pass, NodeRefused for what will not."""
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        await self._pace.begin(priority)
        metrics.INDEXER_CALLS.labels(method).inc()
        try:
            with span("rpc", method=method):
                response = await self._http.post(self._url, json=body)
        except httpx2.HTTPError as error:
            self._pace.failed()
            raise NodeError(
                "the node does not answer",
                hint="Is SOLANA_RPC_URL right, and its host reachable? It is tried again meanwhile",
                method=method,
                reason=type(error).__name__,
            ) from None
        except BaseException:
            self._pace.ended()
            raise
        return self._result(method, response, kind)

    def _result(self, method: str, response: httpx2.Response, kind: type[_T]) -> _T:
        """Every way out tells the pace how it went."""
        if response.status_code == 429 or response.status_code >= 500:
            self._pace.failed(_pause_s(response))
            raise NodeError("the node is busy", method=method, status=response.status_code)
        try:
            _check_status(method, response.status_code)
            answer = _decode_answer(response.content)
            if answer.error is not None:
                raise _error_of(method, answer.error)
            result = msgspec.json.decode(answer.result, type=kind)
        except msgspec.DecodeError as error:
            self._pace.ended()
            raise NodeError(
                "the node's answer is not what was asked for", method=method, reason=str(error)
            ) from None
        except NodeError as error:
            (self._pace.failed if error.fields.get("code") in _BUSY else self._pace.ended)()
            raise
        except BaseException:
            self._pace.ended()
            raise
        self._pace.succeeded()
        return result


def _pause_s(response: httpx2.Response) -> float:
    """What the endpoint asks for; providers often answer 429 without saying how long."""
    try:
        return min(_MAX_PAUSE_S, float(response.headers.get("Retry-After", "0.2")))
    except ValueError:  # a date
        return 1.0


def _check_status(method: str, status: int) -> None:
    if status in _REFUSED_STATUS:
        raise NodeRefused(
            "the node refuses us", hint=_REFUSED_STATUS[status], method=method, status=status
        )


def _error_of(method: str, error: _Error) -> NodeError | NodeRefused:
    fields: dict[str, Any] = {
        "method": method,
        "code": error.code,
        "reason": f'"{error.message[:200]}"',
    }
    if error.code in _REFUSED:
        return NodeRefused("the node refuses the call", hint=_REFUSED[error.code], **fields)
    return NodeError("the node failed the call", hint=_HINTS.get(error.code, ""), **fields)
