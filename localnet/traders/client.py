"""JSON-RPC over aiohttp: what the traders need of a node, any node."""

from __future__ import annotations

import base64
import itertools

import aiohttp
import msgspec
from solders.hash import Hash
from solders.pubkey import Pubkey

from common.errors import NodeError

MAX_KEYS, MAX_SIGNATURES = 100, 256
_TIMEOUT = aiohttp.ClientTimeout(total=15)


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """Where a transaction stands."""

    slot: int
    err: object = None
    confirmation_status: str = "processed"


class Node:
    """One endpoint. Every method raises NodeError for a broken connection or an error reply."""

    def __init__(self, rpc_url: str, http: aiohttp.ClientSession) -> None:
        self._url = rpc_url
        self._http = http
        self._ids = itertools.count(1)

    async def call(self, method: str, *params: object) -> object:
        """The result of one call."""
        request = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        body = msgspec.json.encode(request)
        headers = {"Content-Type": "application/json"}
        try:
            async with self._http.post(
                self._url, data=body, headers=headers, timeout=_TIMEOUT
            ) as answer:
                reply = msgspec.json.decode(await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError) as error:
            raise NodeError(f"no answer to {method}: {error or type(error).__name__}") from error
        if not isinstance(reply, dict) or "result" not in reply:
            raise NodeError(f"{method} failed", answer=reply)
        return reply["result"]

    async def genesis_hash(self) -> str:
        """Which chain this is."""
        return str(await self.call("getGenesisHash"))

    async def blockhash(self) -> Hash:
        """One to sign with, that survives forks."""
        result = await self.call("getLatestBlockhash", {"commitment": "confirmed"})
        return Hash.from_string(msgspec.convert(result, _Blockhash).value.blockhash)

    async def accounts(self, keys: list[Pubkey]) -> list[bytes | None]:
        """Data of each account as it is now, None for those that are not there."""
        config = {"commitment": "processed", "encoding": "base64"}
        found = list[bytes | None]()
        for at in range(0, len(keys), MAX_KEYS):
            names = [str(key) for key in keys[at : at + MAX_KEYS]]
            result = await self.call("getMultipleAccounts", names, config)
            rows = msgspec.convert(result, _Accounts).value
            found += [base64.b64decode(row.data[0]) if row else None for row in rows]
        return found

    async def airdrop(self, key: Pubkey, lamports: int) -> str:
        """Play money; the transfer's signature."""
        return str(await self.call("requestAirdrop", str(key), lamports))

    async def send(self, raw: bytes) -> str:
        """Hand in a signed transaction, without preflight: failing ones are to land, too."""
        config = {"encoding": "base64", "skipPreflight": True, "maxRetries": 20}
        return str(await self.call("sendTransaction", base64.b64encode(raw).decode(), config))

    async def statuses(self, signatures: list[str]) -> list[Status | None]:
        """Where each transaction stands; None for those that did not land."""
        found = list[Status | None]()
        for at in range(0, len(signatures), MAX_SIGNATURES):
            part = signatures[at : at + MAX_SIGNATURES]
            found += msgspec.convert(await self.call("getSignatureStatuses", part), _Statuses).value
        return found


class _BlockhashValue(msgspec.Struct):
    blockhash: str


class _Blockhash(msgspec.Struct):
    value: _BlockhashValue


class _Account(msgspec.Struct):
    data: tuple[str, str]


class _Accounts(msgspec.Struct):
    value: list[_Account | None]


class _Statuses(msgspec.Struct):
    value: list[Status | None]
