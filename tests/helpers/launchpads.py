"""Events of launchpads for tests: emitted by an instruction that has our keys at its places."""

from __future__ import annotations

from typing import Any

from programs.decode import Decoded, decode_payload, decode_transaction
from programs.interface import Interface
from programs.program import Call, Program
from programs.registry import PROGRAMS, program_set
from programs.rpc_json import parse_transaction
from tests.helpers.borsh import instruction_bytes
from tests.helpers.chain import MadeUp, Runs, key

MINT, QUOTE, POOL, WALLET = key("mint"), key("quote"), key("pool"), key("wallet")
PLACES = {"mint": MINT, "quote_mint": QUOTE, "pool": POOL, "wallet": WALLET}


def call(interface: Interface, name: str, args: dict[str, Any] | None = None) -> Call:
    """An instruction with our keys at the places that the interface names."""
    facts = interface.instructions[name]
    accounts = [key(f"other {n}") for n in range(max(facts.accounts.values()) + 1)]
    for place, index in facts.accounts.items():
        accounts[index] = PLACES.get(place, key(place))
    data = instruction_bytes(interface, name, args or {})
    return Call(program=interface.id, accounts=tuple(accounts), data=data, path="0")


def one(program: Program, payload: bytes, by: str | None = None, **args: Any) -> Any:
    """The one event of these bytes, emitted by an instruction if one is named."""
    emitter = None if by is None else call(program.interface, by, args)
    decoded = decode_payload(program, payload, emitter)
    assert decoded.undecoded == ()
    assert len(decoded.events) == 1
    return decoded.events[0]


def by_instruction(program: Program, name: str, args: dict[str, Any] | None = None) -> Decoded:
    """What a transaction with this instruction alone says."""
    made = call(program.interface, name, args)
    run = Runs(program.id, [], made.accounts, made.data)
    tx = parse_transaction(MadeUp([Runs(key("router"), [run])]).json())
    return decode_transaction(tx, program_set(PROGRAMS.values()))
