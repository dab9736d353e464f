"""JSON-RPC calls to a Solana node: typed, limited in rate, with errors that say what to do.

Facts: Solana's RPC documentation and agave's rpc-client-api custom errors. `finalized` is the
default of every method, so the commitment is always sent; `processed` is refused by history methods
(-32602).
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from itertools import count
from types import TracebackType
from typing import Any, TypeVar

import httpx2
import msgspec
from aiolimiter import AsyncLimiter

from common.errors import NodeError, NodeRefused
from common.settings import Commitment

PAGE = 1_000
"""Most signatures a node gives in one answer."""

_TIMEOUT_S = 30
_CONCURRENT = 32
_REFUSED = {
    -32015: "the node wants a newer maxSupportedTransactionVersion than 1: update curvefeed",
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
        self._url = url
        self._history = "confirmed" if commitment == "processed" else commitment
        self._ids = count(1)
        rate = requests_per_second
        self._limit = AsyncLimiter(max(1, rate), max(1, 1 / rate)) if rate else nullcontext()
        self._slots = asyncio.Semaphore(_CONCURRENT)
        self._http = httpx2.AsyncClient(timeout=_TIMEOUT_S)

    async def __aenter__(self) -> Node:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def newest_slot(self) -> int:
        """The slot the node is processing."""
        return await self._call("getSlot", [{"commitment": "processed"}], int)

    async def history_slot(self) -> int:
        """Newest slot whose history can be asked for at our commitment."""
        return await self._call("getSlot", [{"commitment": self._history}], int)

    async def genesis_hash(self) -> str:
        """What tells this chain from every other."""
        return await self._call("getGenesisHash", [], str)

    async def signatures(self, address: str, before: str | None = None) -> list[SignatureInfo]:
        """Up to `PAGE` signatures that name the address, newest first, older than `before`.

        Inside one slot: the last in the block first.
        """
        config: dict[str, Any] = {"commitment": self._history, "limit": PAGE}
        if before is not None:
            config["before"] = before
        return await self._call("getSignaturesForAddress", [address, config], list[SignatureInfo])

    async def transaction(self, signature: str) -> bytes | None:
        """JSON of the transaction; None: the node does not have it (yet)."""
        config = {
            "commitment": self._history,
            "encoding": "json",
            "maxSupportedTransactionVersion": 1,
        }
        raw = await self._call("getTransaction", [signature, config], msgspec.Raw)
        return None if bytes(raw) == b"null" else bytes(raw)

    async def _call(self, method: str, params: list[Any], kind: type[_T]) -> _T:
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        async with self._slots, self._limit:
            try:
                response = await self._http.post(self._url, json=body)
            except httpx2.HTTPError as error:
                raise NodeError(
                    "the node does not answer", method=method, reason=type(error).__name__
                ) from None
        _check_status(method, response.status_code)
        try:
            answer = _decode_answer(response.content)
            if answer.error is not None:
                raise _error_of(method, answer.error)
            return msgspec.json.decode(answer.result, type=kind)
        except msgspec.DecodeError as error:
            raise NodeError(
                "the node's answer is not what was asked for", method=method, reason=str(error)
            ) from None


def _check_status(method: str, status: int) -> None:
    if status in _REFUSED_STATUS:
        raise NodeRefused(
            "the node refuses us", hint=_REFUSED_STATUS[status], method=method, status=status
        )
    if status == 429 or status >= 500:
        raise NodeError("the node is busy", method=method, status=status)


def _error_of(method: str, error: _Error) -> NodeError | NodeRefused:
    fields: dict[str, Any] = {
        "method": method,
        "code": error.code,
        "reason": f'"{error.message[:200]}"',
    }
    if error.code in _REFUSED:
        return NodeRefused("the node refuses the call", hint=_REFUSED[error.code], **fields)
    return NodeError("the node failed the call", **fields)
