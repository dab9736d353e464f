"""Why the chain refuses a transaction, in a trader's words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from common.errors import TradeRefused
from programs.pump_instructions import SYSTEM, TOKEN, TOKEN_2022
from programs.trading import Launchpad

_FAILED = re.compile(r"Program (\w+) failed: (.*)")
_WORDS = 200
_PLAIN = {
    "AccountNotFound": ("insufficient_funds", "the wallet has no SOL", "Fund it first"),
    "InsufficientFundsForFee": (
        "insufficient_funds", "the wallet can't pay the network's fee", "Add some SOL",
    ),
    "BlockhashNotFound": (
        "blockhash_expired", "the transaction is too old", "Build it anew and sign that",
    ),
    "SignatureFailure": (
        "transaction_invalid", "a signature is missing or not the wallet's", "Sign it as it came",
    ),
}  # fmt: skip


def refusal_of(err: object, logs: Sequence[str], launchpads: Iterable[Launchpad]) -> TradeRefused:
    """`err` is a TransactionError as a node's JSON; without logs the program that failed is
    guessed from the error's number.
    """
    if isinstance(err, str) and err in _PLAIN:
        code, message, hint = _PLAIN[err]
        return TradeRefused(code, message, hint=hint)
    if isinstance(err, dict) and "InsufficientFundsForRent" in err:
        return _insufficient_funds("the wallet would be left with less than the chain asks for")
    number = _custom(err)
    if number is None:
        return _other(err, logs)
    program = _failed_program(logs)
    tokens = (str(TOKEN), str(TOKEN_2022))
    if number == 1 and program in tokens:
        return TradeRefused(
            "insufficient_tokens", "you hold fewer tokens than you want to sell", hint="Sell less"
        )
    if number == 1 and program in (None, str(SYSTEM)):
        return _insufficient_funds("the wallet has not enough SOL")
    for launchpad in launchpads:
        if program in (None, str(launchpad.program)):
            return launchpad.refusal(number)
    return _other(err, logs)


def _insufficient_funds(message: str) -> TradeRefused:
    return TradeRefused("insufficient_funds", message, hint="Trade less, or add some SOL")


def _custom(err: object) -> int | None:
    """The error number that a program ended with."""
    detail = err.get("InstructionError") if isinstance(err, dict) else None
    last = detail[-1] if isinstance(detail, list) and detail else None
    number = last.get("Custom") if isinstance(last, dict) else None
    return number if isinstance(number, int) else None


def _failed_program(logs: Sequence[str]) -> str | None:
    """The innermost one: it is the first to say so."""
    for line in logs:
        match = _FAILED.match(line)
        if match:
            return match[1]
    return None


def _other(err: object, logs: Sequence[str]) -> TradeRefused:
    said = next((match[2] for line in logs if (match := _FAILED.match(line))), str(err))
    return TradeRefused("simulation_failed", f"the chain refuses the trade: {said[:_WORDS]}")
