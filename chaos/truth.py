"""Ground truth: what the chain's own history says, read by a second, simpler decoder.

It reads pump's event self-CPIs (inner instructions), another channel than the indexer's lines,
with fixed offsets instead of an interface: an error would have to be made twice to go unseen.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import httpx2

from common.errors import NodeError
from localnet.chain import CONFIRMED, Chain
from localnet.ledger import Landed
from programs.keys import b58

PUMP = "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P"
EVENT_TAG = bytes.fromhex("e445a52e51cb9a1d")
_B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

Kind = Literal["trade", "create", "complete", "migrate"]


class Fact(NamedTuple):
    """An event that happened, in the chain's own terms: two equal facts are the same event."""

    kind: Kind
    signature: str
    slot: int
    mint: str
    ordinal: int = 0
    """Of trades: index among pump's events in the transaction. Others: 0."""
    wallet: str = ""
    """Who traded. Others: empty."""
    side: str = ""
    base_amount: int = 0
    quote_amount: int = 0


def _disc(name: str) -> bytes:
    return sha256(f"event:{name}".encode()).digest()[:8]


_TRADE = _disc("TradeEvent")
_KINDS: dict[bytes, tuple[Kind, int]] = {
    _TRADE: ("trade", 0),
    _disc("CompleteEvent"): ("complete", 32),
    _disc("CompletePumpAmmMigrationEvent"): ("migrate", 32),
}
"""Kind and offset of the mint. A CreateEvent's mint follows three texts."""
_CREATE = _disc("CreateEvent")


def facts_of(signature: str, slot: int, calls: Iterable[tuple[str, bytes]]) -> Iterator[Fact]:
    """Events of one successful transaction, from its inner calls: (program, data) in order."""
    ordinal = 0
    for program, data in calls:
        if program != PUMP or data[:8] != EVENT_TAG:
            continue
        kind, body = data[8:16], data[16:]
        if kind == _TRADE:
            yield _trade(signature, slot, ordinal, body)
        elif kind == _CREATE:
            yield Fact("create", signature, slot, b58(_created_mint(body)))
        elif kind in _KINDS:
            name, at = _KINDS[kind]
            yield Fact(name, signature, slot, b58(body[at : at + 32]))
        ordinal += kind in _KINDS or kind == _CREATE


def _trade(signature: str, slot: int, ordinal: int, body: bytes) -> Fact:
    """mint 32, sol_amount u64, token_amount u64, is_buy bool, user 32."""
    sol, tokens, is_buy = struct.unpack_from("<QQ?", body, 32)
    side = "buy" if is_buy else "sell"
    mint, user = b58(body[:32]), b58(body[49:81])
    return Fact("trade", signature, slot, mint, ordinal, user, side, tokens, sol)


def _created_mint(body: bytes) -> bytes:
    """name, symbol, uri (each u32 length and bytes), mint 32."""
    at = 0
    for _ in range(3):
        at += 4 + int(struct.unpack_from("<I", body, at)[0])
    return body[at : at + 32]


# ---- from the localnet's ledger


class LedgerTruth:
    """A localnet's own ledger as facts; what was decoded once is kept."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._known: dict[tuple[str, int], list[Fact]] = {}

    def facts(self, level: int = CONFIRMED) -> list[Fact]:
        """Every event up to commitment `level`, in the order of the chain."""
        tip = self._chain.tips[level]
        return [
            fact
            for bank in self._chain.ledger.above(-1)
            if bank.slot <= tip
            for landed in bank.transactions
            for fact in self._of(landed)
        ]

    def tip(self, level: int = CONFIRMED) -> int:
        """Newest slot at commitment `level`."""
        return self._chain.tips[level]

    def _of(self, landed: Landed) -> list[Fact]:
        key = landed.signature, landed.slot
        if key not in self._known:
            self._known[key] = list(landed_facts(landed))
        return self._known[key]


def landed_facts(landed: Landed) -> Iterator[Fact]:
    """Events of a transaction in the ledger; a failed one has none."""
    if landed.err is not None:
        return iter(())
    keys = [str(key) for key in landed.keys]
    calls = (
        (keys[call.program_id_index], call.data)
        for group in landed.meta.inner
        for call in group.instructions
    )
    return facts_of(landed.signature, landed.slot, calls)


# ---- from any node


async def node_facts(rpc_url: str) -> list[Fact]:
    """Every event of every transaction that names pump, at `confirmed`, in the order of the chain.

    Raises NodeError.
    """
    async with httpx2.AsyncClient(timeout=30) as http:

        async def call(method: str, *params: object) -> Any:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
            answer = (await http.post(rpc_url, json=body)).json()
            if "error" in answer:
                raise NodeError("the node failed the call", method=method, **answer["error"])
            return answer["result"]

        facts: list[Fact] = []
        for signature in reversed(await _signatures(call)):
            config = {"commitment": "confirmed", "maxSupportedTransactionVersion": 1}
            transaction = await call("getTransaction", signature, config)
            if transaction["meta"]["err"] is None:
                facts.extend(facts_of(signature, transaction["slot"], _calls(transaction)))
        return facts


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


def _calls(transaction: Any) -> Iterator[tuple[str, bytes]]:
    message, meta = transaction["transaction"]["message"], transaction["meta"]
    loaded = meta.get("loadedAddresses") or {"writable": [], "readonly": []}
    keys = message["accountKeys"] + loaded["writable"] + loaded["readonly"]
    for group in meta["innerInstructions"]:
        for inner in group["instructions"]:
            yield keys[inner["programIdIndex"]], _unb58(inner["data"])


def _unb58(text: str) -> bytes:
    number = 0
    for letter in text:
        number = number * 58 + _B58.index(letter)
    return bytes(len(text) - len(text.lstrip("1"))) + number.to_bytes(
        (number.bit_length() + 7) // 8, "big"
    )
