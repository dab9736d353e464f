"""Transactions, blocks and accounts as a validator prints them, in every encoding it knows."""

from __future__ import annotations

import msgspec
from solders.account import Account
from solders.message import MessageV0, MessageV1
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from localnet.accounts import MINT_BYTES, TOKEN_PROGRAMS, Accounts
from localnet.encoding import base58, base64_text, ui_amount
from localnet.errors import INVALID_REQUEST, UNSUPPORTED_VERSION, RpcError
from localnet.execution import AnyMessage, writable_flags
from localnet.ledger import Bank, InnerGroup, InnerInstruction, Landed, TokenBalance

Shown = dict[str, object]
U64_MAX = 2**64 - 1
BASE58_ACCOUNT_LIMIT_BYTES = 128
_TOKEN_STATES = ("uninitialized", "initialized", "frozen")
_META_OF_ACCOUNTS = (
    "err", "fee", "postBalances", "postTokenBalances", "preBalances", "preTokenBalances", "status",
)  # fmt: skip


class Style(msgspec.Struct, frozen=True):
    """How a caller wants transactions: encoding, newest version it knows, how much of them."""

    encoding: str = "json"
    max_version: int | None = None
    details: str = "full"


# ---- accounts


class Slice(msgspec.Struct, frozen=True):
    """A part of an account's data."""

    offset: int
    length: int


def show_account(
    account: Account, accounts: Accounts, encoding: str | None, part: Slice | None = None
) -> Shown:
    """An account as `value` of getAccountInfo. Raises RpcError if it is too long for base58."""
    data: object = None
    if encoding == "jsonParsed":
        data, encoding = _parsed(account, accounts), "base64"
    raw = account.data if part is None else account.data[part.offset : part.offset + part.length]
    if data is None:
        data = _encoded(raw, encoding)
    return {
        "data": data,
        "executable": account.executable,
        "lamports": account.lamports,
        "owner": str(account.owner),
        "rentEpoch": U64_MAX,
        "space": len(account.data),
    }


def _encoded(raw: bytes, encoding: str | None) -> object:
    if encoding not in (None, "base58", "binary"):
        return [base64_text(raw), "base64"]
    if len(raw) > BASE58_ACCOUNT_LIMIT_BYTES:
        message = "Encoded binary (base 58) data should be less than 128 bytes"
        raise RpcError(INVALID_REQUEST, f"{message}, please use Base64 encoding.")
    return [base58(raw), "base58"] if encoding == "base58" else base58(raw)


def _parsed(account: Account, accounts: Accounts) -> Shown | None:
    """jsonParsed of SPL mints and token accounts; None where nodes fall back to base64."""
    program, data = TOKEN_PROGRAMS.get(account.owner), account.data
    if program is None or len(data) < MINT_BYTES:
        return None
    holding = accounts.holding(account)
    info: Shown
    if holding is not None:
        info = {
            "isNative": bool(data[109]),
            "mint": str(holding.mint),
            "owner": str(holding.owner),
            "state": _TOKEN_STATES[data[108]],
            "tokenAmount": ui_amount(holding.amount, holding.decimals),
        }
    else:
        info = {
            "decimals": data[44],
            "freezeAuthority": _optional_key(data, 46),
            "isInitialized": bool(data[45]),
            "mintAuthority": _optional_key(data, 0),
            "supply": str(int.from_bytes(data[36:44], "little")),
        }
    kind = "mint" if holding is None else "account"
    return {"parsed": {"info": info, "type": kind}, "program": program, "space": len(data)}


def _optional_key(data: bytes, at: int) -> str | None:
    return str(Pubkey(data[at + 4 : at + 36])) if data[at] else None


# ---- transactions


def version_of(transaction: VersionedTransaction) -> int | str:
    """`legacy`, 0 or 1."""
    message = transaction.message
    return (
        0 if isinstance(message, MessageV0) else 1 if isinstance(message, MessageV1) else "legacy"
    )


def show_transaction(landed: Landed, style: Style) -> Shown:
    """`transaction`, `meta` and (if a version was asked for) `version`. Raises RpcError -32015."""
    transaction = landed.transaction
    version = version_of(transaction)
    if isinstance(version, int) and (style.max_version is None or style.max_version < version):
        raise RpcError(
            UNSUPPORTED_VERSION,
            f"Transaction version ({version}) is not supported by the requesting client. "
            "Please try the request again with the following configuration parameter: "
            f'"maxSupportedTransactionVersion": {version}',
        )
    meta = show_meta(landed)
    signatures = [str(signature) for signature in transaction.signatures]
    body: object
    if style.details == "accounts":
        meta = {name: meta[name] for name in _META_OF_ACCOUNTS}
        body = {"accountKeys": _named_keys(landed), "signatures": signatures}
    elif style.encoding in ("base64", "base58"):
        text = base64_text(landed.raw) if style.encoding == "base64" else base58(landed.raw)
        body = [text, style.encoding]
    elif style.encoding == "jsonParsed":
        meta["innerInstructions"] = _named_groups(landed)
        del meta["loadedAddresses"]
        body = {"signatures": signatures, "message": _named_message(landed)}
    else:
        body = {"signatures": signatures, "message": _plain_message(transaction.message)}
    shown: Shown = {"meta": meta, "transaction": body}
    return shown if style.max_version is None else {**shown, "version": version}


def show_meta(landed: Landed) -> Shown:
    """`meta` as encoding json has it."""
    meta = landed.meta
    shown: Shown = {
        "err": meta.err,
        "status": {"Ok": None} if meta.err is None else {"Err": meta.err},
        "fee": meta.fee,
        "preBalances": meta.pre_balances,
        "postBalances": meta.post_balances,
        "innerInstructions": show_groups(meta.inner),
        "logMessages": meta.logs,
        "preTokenBalances": [_token_balance(balance) for balance in meta.pre_tokens],
        "postTokenBalances": [_token_balance(balance) for balance in meta.post_tokens],
        "rewards": [],
        "loadedAddresses": {
            "readonly": [str(key) for key in landed.loaded.readonly],
            "writable": [str(key) for key in landed.loaded.writable],
        },
        "computeUnitsConsumed": meta.compute_units,
        "costUnits": meta.compute_units,
    }
    return shown | show_return_data(meta.return_data)


def show_return_data(returned: tuple[str, bytes] | None) -> Shown:
    """`returnData`, absent when there is none."""
    if returned is None:
        return {}
    program, data = returned
    return {"returnData": {"programId": program, "data": [base64_text(data), "base64"]}}


def show_groups(groups: list[InnerGroup]) -> list[Shown]:
    """`innerInstructions` of encoding json."""
    return [
        {
            "index": group.index,
            "instructions": [_plain_instruction(call) for call in group.instructions],
        }
        for group in groups
    ]


def _plain_instruction(call: InnerInstruction) -> Shown:
    return {
        "programIdIndex": call.program_id_index,
        "accounts": call.accounts,
        "data": base58(call.data),
        "stackHeight": call.stack_height,
    }


def _named_instruction(call: InnerInstruction, keys: list[str]) -> Shown:
    """What a node prints in jsonParsed for a program it has no parser for."""
    return {
        "programId": keys[call.program_id_index],
        "accounts": [keys[at] for at in call.accounts],
        "data": base58(call.data),
        "stackHeight": call.stack_height,
    }


def _named_groups(landed: Landed) -> list[Shown]:
    keys = [str(key) for key in landed.keys]
    return [
        {
            "index": group.index,
            "instructions": [_named_instruction(call, keys) for call in group.instructions],
        }
        for group in landed.meta.inner
    ]


def _top_level(message: AnyMessage) -> list[InnerInstruction]:
    return [
        InnerInstruction(i.program_id_index, list(i.accounts), bytes(i.data), 1)
        for i in message.instructions
    ]


def _named_keys(landed: Landed) -> list[Shown]:
    message = landed.transaction.message
    flags = writable_flags(message, landed.loaded)
    own, signers = len(message.account_keys), message.header.num_required_signatures
    return [
        {
            "pubkey": str(key),
            "signer": at < signers,
            "source": "transaction" if at < own else "lookupTable",
            "writable": flags[at],
        }
        for at, key in enumerate(landed.keys)
    ]


def _lookups(message: AnyMessage) -> Shown:
    if not isinstance(message, MessageV0):
        return {}
    lookups = [
        {
            "accountKey": str(lookup.account_key),
            "writableIndexes": list(lookup.writable_indexes),
            "readonlyIndexes": list(lookup.readonly_indexes),
        }
        for lookup in message.address_table_lookups
    ]
    return {"addressTableLookups": lookups}


def _config(message: AnyMessage) -> Shown:
    if not isinstance(message, MessageV1):
        return {}
    config = message.config
    return {
        "transactionConfig": {
            "priorityFee": config.priority_fee,
            "computeUnitLimit": config.compute_unit_limit,
            "loadedAccountsDataSizeLimit": config.loaded_accounts_data_size_limit,
            "heapSize": config.heap_size,
        }
    }


def _plain_message(message: AnyMessage) -> Shown:
    header = message.header
    shown: Shown = {
        "accountKeys": [str(key) for key in message.account_keys],
        "header": {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        },
        "recentBlockhash": str(message.recent_blockhash),
        "instructions": [_plain_instruction(call) for call in _top_level(message)],
    }
    return shown | _lookups(message) | _config(message)


def _named_message(landed: Landed) -> Shown:
    message, keys = landed.transaction.message, [str(key) for key in landed.keys]
    shown: Shown = {
        "accountKeys": _named_keys(landed),
        "recentBlockhash": str(message.recent_blockhash),
        "instructions": [_named_instruction(call, keys) for call in _top_level(message)],
    }
    return shown | _lookups(message) | _config(message)


def _token_balance(balance: TokenBalance) -> Shown:
    return {
        "accountIndex": balance.account_index,
        "mint": balance.mint,
        "owner": balance.owner,
        "programId": balance.program,
        "uiTokenAmount": ui_amount(balance.amount, balance.decimals),
    }


# ---- blocks


def show_block(bank: Bank, style: Style, transactions: list[Landed], *, rewards: bool) -> Shown:
    """A closed slot as getBlock prints it, with `transactions` of it."""
    shown: Shown = {
        "blockHeight": bank.height,
        "blockTime": bank.time,
        "blockhash": str(bank.hash),
        "parentSlot": bank.parent,
        "previousBlockhash": str(bank.parent_hash),
    }
    if style.details == "signatures":
        shown["signatures"] = [landed.signature for landed in transactions]
    elif style.details != "none":
        shown["transactions"] = [show_transaction(landed, style) for landed in transactions]
    if rewards:
        shown["rewards"] = []
    return shown
