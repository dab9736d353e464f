"""Subscriptions: who wants to hear of what, and the bounded queues they are told through."""

from __future__ import annotations

import itertools
from typing import Protocol

import msgspec
from solders.account import Account
from solders.pubkey import Pubkey

from localnet.accounts import SYSTEM
from localnet.chain import CONFIRMED, FINALIZED, PROCESSED, Chain
from localnet.errors import RpcError, invalid_params
from localnet.ledger import Bank, Landed
from localnet.render import show_account, show_block
from localnet.rpc.accounts import passes
from localnet.rpc.params import NO_CONFIG, Config, converted, key_of, raw_level

Kind = str
KINDS: tuple[Kind, ...] = ("account", "logs", "program", "signature", "slot", "root", "block")
_ALL = ("all", "allWithVotes")


class Mentions(msgspec.Struct, frozen=True):
    """Logs of transactions that name an account."""

    mentions: list[str]


class BlockFilter(msgspec.Struct, frozen=True, rename="camel"):
    """Blocks reduced to transactions that name an account."""

    mentions_account_or_program: str


class Subscriber(Protocol):
    """One socket."""

    def push(self, frame: bytes) -> None:
        """Queue a frame; never blocks. A socket that lags too far behind is cut."""

    def cut(self) -> None:
        """End the connection without ceremony."""


class Subscription(msgspec.Struct, frozen=True, eq=False):
    """One wish of one socket. `key` is what it filters by: an address, a signature, or nothing."""

    number: int
    socket: Subscriber
    kind: Kind
    level: int
    config: Config
    key: Pubkey | str | None = None


_FILTERED = ("account", "program", "signature", "logs", "block")
_LOWEST = {"block": CONFIRMED}


def _wish(kind: Kind, params: list[object]) -> tuple[Pubkey | str | None, Config]:
    """Filter and configuration of a subscription. Raises RpcError."""
    if kind not in _FILTERED:
        return None, NO_CONFIG
    if not params:
        raise invalid_params("`params` should have at least 1 argument(s)")
    if kind == "logs" and not isinstance(params[0], str):
        first: str | Mentions | BlockFilter = converted(params[0], Mentions)
    elif kind == "block" and not isinstance(params[0], str):
        first = converted(params[0], BlockFilter)
    else:
        first = converted(params[0], str)
    config = converted(params[1] or {}, Config) if len(params) > 1 else NO_CONFIG
    return _filter(kind, first), config


def _filter(kind: Kind, first: str | Mentions | BlockFilter) -> Pubkey | str | None:
    if isinstance(first, Mentions):
        if len(first.mentions) != 1:
            raise invalid_params("Invalid Request: Only 1 address supported")
        return key_of(first.mentions[0])
    if isinstance(first, BlockFilter):
        return key_of(first.mentions_account_or_program)
    if kind in ("account", "program"):
        return key_of(first)
    if kind == "signature":
        return first
    if first not in _ALL:
        raise invalid_params(f"Invalid params: unknown variant `{first}`.")
    return None


class Subscriptions:
    """All subscriptions of all sockets; listens to the chain."""

    def __init__(self, chain: Chain) -> None:
        self.drop_next = 0
        """Logs notifications to lose, as busy nodes do (see devDropNotifications)."""
        self._chain = chain
        self._numbers = itertools.count(1)
        self._all: dict[int, Subscription] = {}
        self._grouped: dict[tuple[Kind, int], dict[int, Subscription]] = {}
        self._sockets: set[Subscriber] = set()
        chain.listeners.append(self)

    # ---- who

    def connect(self, socket: Subscriber) -> None:
        """A socket opened."""
        self._sockets.add(socket)

    @property
    def sockets(self) -> int:
        """How many are open."""
        return len(self._sockets)

    def disconnect(self) -> int:
        """Cut every socket; how many there were."""
        sockets = list(self._sockets)
        for socket in sockets:
            socket.cut()
        return len(sockets)

    def subscribe(self, socket: Subscriber, kind: Kind, params: list[object]) -> int:
        """A new subscription's number. Raises RpcError. Call `settle` once the number is told."""
        key, config = _wish(kind, params)
        level = (
            raw_level(config.commitment, _LOWEST.get(kind, 0)) if kind in _FILTERED else PROCESSED
        )
        number = next(self._numbers)
        new = Subscription(number, socket, kind, level, config, key)
        self._all[number] = self._grouped.setdefault((kind, level), {})[number] = new
        return number

    def settle(self, number: int) -> None:
        """A signature that has reached its commitment already is told of at once."""
        asked = self._all.get(number)
        if asked is None or asked.kind != "signature":
            return
        landed = self._chain.ledger.transactions.get(str(asked.key))
        if landed is not None and landed.slot <= self._chain.tips[asked.level]:
            self._tell_signature(landed, asked.level)

    def unsubscribe(self, number: object) -> bool:
        """End a subscription. Raises RpcError if there is none of that number."""
        gone = self._all.pop(number, None) if isinstance(number, int) else None
        if gone is None:
            raise invalid_params("Invalid subscription id.")
        del self._grouped[gone.kind, gone.level][gone.number]
        return True

    def forget(self, socket: Subscriber) -> None:
        """A socket closed: so do its subscriptions."""
        self._sockets.discard(socket)
        for number in [number for number, s in self._all.items() if s.socket is socket]:
            self.unsubscribe(number)

    def _of(self, kind: Kind, level: int) -> list[Subscription]:
        return list(self._grouped.get((kind, level), {}).values())

    # ---- what

    def on_transaction(self, landed: Landed, changed: list[Pubkey], bank: Bank) -> None:
        """A transaction ran: processed, and every level that has no lag."""
        for level in (PROCESSED, CONFIRMED, FINALIZED):
            if self._chain.lags[level] == 0:
                self._tell_transaction(landed, level)
                for key in changed:
                    self._tell_account(key, bank.after[key], level, bank.slot)

    def on_level(self, bank: Bank, level: int) -> None:
        """A closed slot reached `level`."""
        if self._chain.lags[level]:
            for landed in bank.transactions:
                self._tell_transaction(landed, level)
            for key, account in bank.after.items():
                self._tell_account(key, account, level, bank.slot)
        self._tell_block(bank, level)
        if level == FINALIZED:
            _tell_all(self._of("root", PROCESSED), msgspec.json.encode(bank.slot))

    def on_slot(self, bank: Bank, root: int) -> None:
        """A slot opened."""
        told = {"slot": bank.slot, "parent": bank.parent, "root": root}
        _tell_all(self._of("slot", PROCESSED), msgspec.json.encode(told))

    def on_revert(self, key: Pubkey, account: Account | None, slot: int) -> None:
        """A fork was dropped: whoever follows `processed` sees the old state again."""
        self._tell_account(key, account, PROCESSED, slot)

    def _tell_transaction(self, landed: Landed, level: int) -> None:
        self._tell_logs(landed, level)
        self._tell_signature(landed, level)

    def _tell_logs(self, landed: Landed, level: int) -> None:
        asked = self._of("logs", level)
        if not asked:
            return
        if self.drop_next > 0:
            self.drop_next -= 1
            return
        keys = set(landed.keys)
        value = {"signature": landed.signature, "err": landed.err, "logs": landed.meta.logs}
        body = _value(landed.slot, value)
        _tell_all([wish for wish in asked if wish.key is None or wish.key in keys], body)

    def _tell_signature(self, landed: Landed, level: int) -> None:
        for wish in self._of("signature", level):
            if wish.key == landed.signature:
                _tell(wish, _value(landed.slot, {"err": landed.err}))
                self.unsubscribe(wish.number)

    def _tell_account(self, key: Pubkey, account: Account | None, level: int, slot: int) -> None:
        state = account or Account(0, b"", SYSTEM)
        for wish in self._of("account", level):
            if wish.key == key:
                _tell(wish, _value(slot, self._shown(state, wish.config)))
        for wish in self._of("program", level):
            if wish.key == state.owner and passes(state, wish.config.filters):
                shown = {"pubkey": str(key), "account": self._shown(state, wish.config)}
                _tell(wish, _value(slot, shown))

    def _shown(self, account: Account, config: Config) -> object:
        try:
            accounts = self._chain.accounts
            return show_account(account, accounts, config.encoding, config.data_slice)
        except RpcError as error:
            return {"error": error.message}

    def _tell_block(self, bank: Bank, level: int) -> None:
        for wish in self._of("block", level):
            chosen = bank.transactions
            if wish.key is not None:
                chosen = [landed for landed in chosen if wish.key in landed.keys]
                if not chosen:
                    continue  # a filtered subscription gets no empty blocks
            config = wish.config
            value: dict[str, object] = {"slot": bank.slot, "err": None, "block": None}
            try:
                block = show_block(bank, config.style, chosen, rewards=config.show_rewards)
                value["block"] = block
            except RpcError as error:
                value["err"] = error.message
            _tell(wish, _value(bank.slot, value))


def _value(slot: int, value: object) -> bytes:
    return msgspec.json.encode({"context": {"slot": slot}, "value": value})


def _tell(wish: Subscription, result: bytes) -> None:
    head = b'{"jsonrpc":"2.0","method":"%sNotification","params":{"result":' % wish.kind.encode()
    wish.socket.push(head + result + b',"subscription":%d}}' % wish.number)


def _tell_all(wishes: list[Subscription], result: bytes) -> None:
    for wish in wishes:
        _tell(wish, result)
