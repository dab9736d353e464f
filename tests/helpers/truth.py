"""Ground truth: what the chain's own history says, read by a second, simpler decoder.

It reads pump's event self-CPIs (inner instructions), another channel than the indexer's lines,
with fixed offsets instead of an interface: an error would have to be made twice to go unseen.
"""

from __future__ import annotations

import struct
from hashlib import sha256
from typing import Any, NamedTuple

import httpx2
from solders.pubkey import Pubkey

PUMP = "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P"
EVENT_TAG = bytes.fromhex("e445a52e51cb9a1d")
_B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Trade(NamedTuple):
    """What makes two trades the same, in the chain's own terms."""

    signature: str
    ordinal: int
    mint: str
    wallet: str
    side: str
    base_amount: int
    quote_amount: int


def _disc(name: str) -> bytes:
    return sha256(f"event:{name}".encode()).digest()[:8]


TRADE, CREATE = _disc("TradeEvent"), _disc("CreateEvent")
COMPLETE, MIGRATE = _disc("CompleteEvent"), _disc("CompletePumpAmmMigrationEvent")


def _unb58(text: str) -> bytes:
    number = 0
    for letter in text:
        number = number * 58 + _B58.index(letter)
    return bytes(len(text) - len(text.lstrip("1"))) + number.to_bytes(
        (number.bit_length() + 7) // 8, "big"
    )


class Truth(NamedTuple):
    """All of a chain's pump events, oldest first."""

    trades: list[Trade]
    created: list[str]
    """Signatures of creations."""
    completed: list[str]
    migrated: list[str]


async def read_truth(rpc_url: str) -> Truth:
    """Every event of every transaction that names pump, at `confirmed`."""
    async with httpx2.AsyncClient(timeout=30) as http:

        async def call(method: str, *params: object) -> Any:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
            answer = (await http.post(rpc_url, json=body)).json()
            assert "error" not in answer, answer
            return answer["result"]

        truth = Truth([], [], [], [])
        for signature in reversed(await _signatures(call)):
            config = {"commitment": "confirmed", "maxSupportedTransactionVersion": 1}
            transaction = await call("getTransaction", signature, config)
            if transaction["meta"]["err"] is None:
                _collect(signature, transaction, truth)
        return truth


async def _signatures(call: Any) -> list[str]:
    """Newest first, page by page."""
    found: list[str] = []
    while True:
        config: dict[str, object] = {"commitment": "confirmed", "limit": 1000}
        if found:
            config["before"] = found[-1]
        page = await call("getSignaturesForAddress", PUMP, config)
        if not page:
            return found
        found += [row["signature"] for row in page]


def _collect(signature: str, transaction: Any, truth: Truth) -> None:
    message, meta = transaction["transaction"]["message"], transaction["meta"]
    loaded = meta.get("loadedAddresses") or {"writable": [], "readonly": []}
    keys = message["accountKeys"] + loaded["writable"] + loaded["readonly"]
    ordinal = 0
    for group in meta["innerInstructions"]:
        for inner in group["instructions"]:
            data = _unb58(inner["data"])
            if keys[inner["programIdIndex"]] != PUMP or data[:8] != EVENT_TAG:
                continue
            kind, body = data[8:16], data[16:]
            if kind == TRADE:
                truth.trades.append(_trade(signature, ordinal, body))
            elif kind in (CREATE, COMPLETE, MIGRATE):
                lists = {CREATE: truth.created, COMPLETE: truth.completed, MIGRATE: truth.migrated}
                lists[kind].append(signature)
            ordinal += kind in (TRADE, CREATE, COMPLETE, MIGRATE)


def _trade(signature: str, ordinal: int, body: bytes) -> Trade:
    """mint 32, sol_amount u64, token_amount u64, is_buy bool, user 32."""
    sol, tokens, is_buy = struct.unpack_from("<QQ?", body, 32)
    mint, user = str(Pubkey.from_bytes(body[:32])), str(Pubkey.from_bytes(body[49:81]))
    return Trade(signature, ordinal, mint, user, "buy" if is_buy else "sell", tokens, sol)
