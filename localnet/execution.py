"""Runs transactions in the SVM and writes down what they brought about, as a node's `meta` does."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable

import msgspec
from solders.account import Account
from solders.message import Message, MessageV0, MessageV1
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import (
    FailedTransactionMetadata,
    SimulatedTransactionInfo,
    TransactionMetadata,
)

from localnet.accounts import Accounts, TokenHolding
from localnet.ledger import InnerGroup, InnerInstruction, Json, Landed, Loaded, Meta, TokenBalance

COMPUTE_BUDGET = Pubkey.from_string("ComputeBudget111111111111111111111111111111")
LAMPORTS_PER_SIGNATURE = 5_000
DEFAULT_UNITS, BUILTIN_UNITS, MOST_UNITS = 200_000, 3_000, 1_400_000
"""Compute units an instruction is granted without a limit of its own (SIMD-0170), and at most."""
_BUILTINS = frozenset(
    Pubkey.from_string(key)
    for key in (
        "11111111111111111111111111111111",
        "ComputeBudget111111111111111111111111111111",
        "BPFLoader1111111111111111111111111111111111",
        "BPFLoader2111111111111111111111111111111111",
        "BPFLoaderUpgradeab1e11111111111111111111111",
        "LoaderV411111111111111111111111111111111111",
        "KeccakSecp256k11111111111111111111111111111",
        "Ed25519SigVerify111111111111111111111111111",
    )
)
_SET_UNIT_LIMIT, _SET_UNIT_PRICE = 2, 3
_TABLE_HEADER_BYTES = 56
AnyMessage = Message | MessageV0 | MessageV1


class Executed(msgspec.Struct, frozen=True):
    """A transaction that ran, and the accounts it changed: key → (before, after)."""

    landed: Landed
    changed: dict[Pubkey, tuple[Account | None, Account | None]]


class Simulated(msgspec.Struct, frozen=True):
    """A transaction that ran without consequences. `meta` is None if it could not even start."""

    err: Json
    meta: TransactionMetadata | None = None
    accounts: dict[Pubkey, Account] = {}


def loaded_accounts(message: AnyMessage, accounts: Accounts) -> Loaded | None:
    """What `message` names through lookup tables; None if a table or an entry is not there."""
    writable, readonly = list[Pubkey](), list[Pubkey]()
    for lookup in message.address_table_lookups if isinstance(message, MessageV0) else ():
        table = accounts.now(lookup.account_key)
        entries = table.data[_TABLE_HEADER_BYTES:] if table else b""
        for target, indexes in (
            (writable, lookup.writable_indexes),
            (readonly, lookup.readonly_indexes),
        ):
            for index in indexes:
                if 32 * index + 32 > len(entries):
                    return None
                target.append(Pubkey(entries[32 * index : 32 * index + 32]))
    return Loaded(tuple(writable), tuple(readonly))


def writable_flags(message: AnyMessage, loaded: Loaded) -> list[bool]:
    """Which accounts the transaction may change, in the order of `Landed.keys`."""
    header, total = message.header, len(message.account_keys)
    signers = header.num_required_signatures
    writable_signers = signers - header.num_readonly_signed_accounts
    writable_end = total - header.num_readonly_unsigned_accounts
    own = [at < writable_signers or signers <= at < writable_end for at in range(total)]
    return own + [True] * len(loaded.writable) + [False] * len(loaded.readonly)


def fee_of(message: AnyMessage) -> int:
    """Lamports `message` will cost: signatures, and the priority fee rounded up."""
    signatures = LAMPORTS_PER_SIGNATURE * message.header.num_required_signatures
    if isinstance(message, MessageV1):
        return signatures + (message.config.priority_fee or 0)
    price, limit, granted = 0, None, 0
    for instruction in message.instructions:
        data, program = bytes(instruction.data), message.account_keys[instruction.program_id_index]
        granted += BUILTIN_UNITS if program in _BUILTINS else DEFAULT_UNITS
        if program != COMPUTE_BUDGET:
            continue
        if data[:1] == bytes([_SET_UNIT_LIMIT]) and len(data) >= 5:
            limit = struct.unpack_from("<I", data, 1)[0]
        elif data[:1] == bytes([_SET_UNIT_PRICE]) and len(data) >= 9:
            price = struct.unpack_from("<Q", data, 1)[0]
    units = min(MOST_UNITS, limit if limit is not None else granted)
    return signatures - (-price * units // 1_000_000)


def execute(transaction: VersionedTransaction, accounts: Accounts) -> Executed | None:
    """Run `transaction` for good. None if it did not even pay its fee: such a one never lands."""
    message = transaction.message
    loaded = loaded_accounts(message, accounts)
    if loaded is None:
        return None
    svm = accounts.svm
    keys = [*message.account_keys, *loaded.writable, *loaded.readonly]
    flags = writable_flags(message, loaded)
    before = {key: svm.get_account(key) for key, flag in zip(keys, flags, strict=True) if flag}
    pre_tokens = _token_balances(keys, before, accounts)
    pre_balances = [svm.get_balance(key) or 0 for key in keys]
    result = svm.send_transaction(transaction)
    post_balances = [svm.get_balance(key) or 0 for key in keys]
    failed = isinstance(result, FailedTransactionMetadata)
    if failed and pre_balances[0] == post_balances[0]:
        return None
    after = {key: svm.get_account(key) for key in before}
    metadata = result.meta() if isinstance(result, FailedTransactionMetadata) else result
    meta = Meta(
        err=err_of(result),
        fee=metadata.fee(),
        pre_balances=pre_balances,
        post_balances=post_balances,
        pre_tokens=pre_tokens,
        post_tokens=_token_balances(keys, after, accounts),
        inner=inner_groups(metadata),
        logs=metadata.logs(),
        compute_units=metadata.compute_units_consumed(),
        return_data=return_data_of(metadata),
    )
    changed = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    return Executed(Landed(transaction, loaded, meta), changed)


def simulate(transaction: VersionedTransaction, accounts: Accounts) -> Simulated:
    """Run `transaction` and forget it. Signatures are not looked at."""
    result = accounts.svm.simulate_transaction(transaction)
    if isinstance(result, SimulatedTransactionInfo):
        return Simulated(None, result.meta(), dict(result.post_accounts()))
    return Simulated(err_of(result), result.meta())


def err_of(result: TransactionMetadata | FailedTransactionMetadata) -> Json:
    """The TransactionError as JSON; None for success."""
    if isinstance(result, FailedTransactionMetadata):
        err: Json = json.loads(result.to_json())["err"]
        return err
    return None


def return_data_of(metadata: TransactionMetadata) -> tuple[str, bytes] | None:
    """Program and bytes of the last return data, where there are any."""
    returned = metadata.return_data()
    data = bytes(returned.data)
    return (str(returned.program_id), data) if data else None


def inner_groups(metadata: TransactionMetadata) -> list[InnerGroup]:
    """Calls below each top-level instruction; those without any are left out."""
    groups = list[InnerGroup]()
    for index, calls in enumerate(metadata.inner_instructions()):
        inner = list[InnerInstruction]()
        for call in calls:
            compiled = call.instruction()
            accounts, data = list(compiled.accounts), bytes(compiled.data)
            program = compiled.program_id_index
            inner.append(InnerInstruction(program, accounts, data, call.stack_height()))
        if inner:
            groups.append(InnerGroup(index, inner))
    return groups


def _token_balances(
    keys: Iterable[Pubkey], states: dict[Pubkey, Account | None], accounts: Accounts
) -> list[TokenBalance]:
    """Of the writable accounts: read-only ones cannot change, and nodes that list them are few."""
    holdings = ((at, accounts.holding(states.get(key))) for at, key in enumerate(keys))
    return [_token_balance(at, holding) for at, holding in holdings if holding is not None]


def _token_balance(index: int, holding: TokenHolding) -> TokenBalance:
    mint, owner, program = str(holding.mint), str(holding.owner), str(holding.program)
    return TokenBalance(index, mint, owner, program, holding.amount, holding.decimals)
