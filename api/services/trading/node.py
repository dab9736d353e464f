"""The few calls to a Solana node that trading takes. Any of several endpoints may answer."""

from __future__ import annotations

import base64
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2
import msgspec
from solders.pubkey import Pubkey

from common.errors import TradeRefused
from programs.trading import Account, Accounts

_TIMEOUT_S = 10
_BUSY = (-32005, -32603, -32016)

_T = TypeVar("_T")


class RpcFailure(Exception):
    """The node understood, and says no. `data` is whatever came with it."""

    def __init__(self, code: int, message: str, data: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class _Error(msgspec.Struct):
    code: int
    message: str = ""
    data: object = None


class _Answer(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


class _Context(msgspec.Struct):
    slot: int


class _Shown(msgspec.Struct):
    lamports: int
    owner: str
    data: tuple[str, str]

    def account(self) -> Account:
        """As trading reads it."""
        data = base64.b64decode(self.data[0])
        return Account(self.lamports, Pubkey.from_string(self.owner), data)


class _Accounts(msgspec.Struct):
    context: _Context
    value: list[_Shown | None]


class _Latest(msgspec.Struct, rename="camel"):
    blockhash: str
    last_valid_block_height: int


class _LatestAnswer(msgspec.Struct):
    value: _Latest


class _Simulated(msgspec.Struct, rename="camel"):
    err: Any = None
    logs: list[str] | None = None
    units_consumed: int = 0
    accounts: list[_Shown | None] | None = None


class _SimulatedAnswer(msgspec.Struct):
    context: _Context
    value: _Simulated


class Status(msgspec.Struct, rename="camel"):
    """Where a transaction stands. `err` is the node's JSON, null for success."""

    slot: int
    confirmation_status: str | None = None
    err: Any = None


class _Statuses(msgspec.Struct):
    value: list[Status | None]


class Simulation(msgspec.Struct, frozen=True):
    """What the node says a transaction would do, and the accounts that were asked for, after it."""

    slot: int
    err: Any
    logs: list[str]
    units: int
    accounts: list[Account | None]


class ChainNode:
    """Use as an async context. Raises TradeRefused (node_unavailable) if no endpoint answers."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = urls
        self._ids = count(1)
        self._http: httpx2.AsyncClient | None = None
        self._rents: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        self._http = httpx2.AsyncClient(timeout=_TIMEOUT_S)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def accounts(self, keys: list[Pubkey]) -> tuple[int, Accounts]:
        """The newest state of up to 100 accounts, of one slot."""
        config = {"commitment": "processed", "encoding": "base64"}
        names = [str(key) for key in keys]
        found = await self._call("getMultipleAccounts", [names, config], _Accounts)
        shown = [None if each is None else each.account() for each in found.value]
        return found.context.slot, dict(zip(keys, shown, strict=True))

    async def rent(self, size: int) -> int:
        """Lamports that exempt an account of `size` bytes from rent; asked once a process."""
        if size not in self._rents:
            least = await self._call("getMinimumBalanceForRentExemption", [size], int)
            self._rents[size] = least
        return self._rents[size]

    async def blockhash(self) -> tuple[str, int]:
        """The newest confirmed one, and the block height up to which it is good."""
        config = {"commitment": "confirmed"}
        found = await self._call("getLatestBlockhash", [config], _LatestAnswer)
        return found.value.blockhash, found.value.last_valid_block_height

    async def block_height(self) -> int:
        """Of the newest confirmed block."""
        return await self._call("getBlockHeight", [{"commitment": "confirmed"}], int)

    async def simulate(self, transaction: str, shown: list[Pubkey]) -> Simulation:
        """Run an unsigned transaction (base64) without consequences; `shown`: accounts to show."""
        config = {
            "encoding": "base64",
            "commitment": "processed",
            "sigVerify": False,
            "accounts": {"addresses": [str(key) for key in shown], "encoding": "base64"},
        }
        found = await self._call("simulateTransaction", [transaction, config], _SimulatedAnswer)
        value = found.value
        shown_after = value.accounts or []
        accounts = [None if each is None else each.account() for each in shown_after]
        return Simulation(
            found.context.slot, value.err, value.logs or [], value.units_consumed, accounts
        )

    async def send(self, transaction: str) -> str:
        """Hand a signed transaction in (base64), checked by the node first; its signature."""
        config = {"encoding": "base64", "preflightCommitment": "processed"}
        return await self._call("sendTransaction", [transaction, config], str)

    async def status(self, signature: str) -> Status | None:
        """None: the node does not know it."""
        config = {"searchTransactionHistory": True}
        params = [[signature], config]
        found = await self._call("getSignatureStatuses", params, _Statuses)
        return found.value[0]

    async def airdrop(self, wallet: str, lamports: int) -> str:
        """Lamports from the faucet of a chain to play on; the signature."""
        return await self._call("requestAirdrop", [wallet, lamports], str)

    async def _call(self, method: str, params: list[Any], kind: type[_T]) -> _T:
        reason = "it is not running"
        for url in self._urls:
            try:
                return await self._call_one(url, method, params, kind)
            except (httpx2.HTTPError, msgspec.DecodeError) as error:
                reason = type(error).__name__
            except RpcFailure as failure:
                if failure.code not in _BUSY:
                    raise
                reason = failure.message
        raise TradeRefused(
            "node_unavailable", "the chain can't be reached now",
            hint="Try again in a few seconds", method=method, reason=reason,
        )  # fmt: skip

    async def _call_one(self, url: str, method: str, params: list[Any], kind: type[_T]) -> _T:
        if self._http is None:
            raise httpx2.ConnectError("no client: the node is used as an async context")
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        response = await self._http.post(url, json=body)
        if response.status_code >= 500 or response.status_code in (401, 403, 404, 429):
            raise httpx2.HTTPError(f"status {response.status_code}")
        answer = msgspec.json.decode(response.content, type=_Answer)
        if answer.error is not None:
            raise RpcFailure(answer.error.code, answer.error.message, answer.error.data)
        return msgspec.json.decode(answer.result, type=kind)
