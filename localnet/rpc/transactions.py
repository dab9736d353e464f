"""Methods that send, simulate and look up transactions, and the faucet."""

from __future__ import annotations

import itertools

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import SanitizeError, Transaction, VersionedTransaction
from solders.transaction_metadata import TransactionMetadata

from localnet.chain import CONFIRMED, FINALIZED, PROCESSED
from localnet.errors import SIGNATURE_FAILURE, RpcError, invalid_params
from localnet.execution import (
    Simulated,
    inner_groups,
    return_data_of,
    simulate,
)
from localnet.ledger import Landed, Span
from localnet.render import show_account, show_groups, show_return_data, show_transaction
from localnet.rpc.params import NAMES, NO_CONFIG, Config, Methods, bytes_of, key_of

PACKET_BYTES = 1232
V1_BYTES = 4096
_TYPE = "solana_transaction::versioned::VersionedTransaction"
MAX_STATUSES = 256
MAX_HISTORY = 1000


def decoded(text: str, encoding: str | None) -> VersionedTransaction:
    """The transaction in `text`. Raises RpcError."""
    raw = bytes_of(text, encoding)
    limit = V1_BYTES if raw[:1] == b"\x81" else PACKET_BYTES
    if len(raw) > limit:
        raise invalid_params(f"decoded {_TYPE} too large: {len(raw)} bytes (max: {limit} bytes)")
    try:
        transaction = VersionedTransaction.from_bytes(raw)
        transaction.sanitize()
    except ValueError as error:
        raise invalid_params(f"failed to deserialize {_TYPE}: {error}") from None
    except SanitizeError as error:
        raise invalid_params(f"invalid transaction: {error}") from None
    return transaction


class TransactionMethods(Methods):
    """sendTransaction … getSignaturesForAddress."""

    def methods(self) -> dict[str, object]:
        """Name on the wire → method."""
        return {
            "sendTransaction": self.send_transaction,
            "simulateTransaction": self.simulate_transaction,
            "requestAirdrop": self.request_airdrop,
            "getSignatureStatuses": self.get_signature_statuses,
            "getTransaction": self.get_transaction,
            "getSignaturesForAddress": self.get_signatures_for_address,
        }

    def send_transaction(self, text: str, config: Config | None = None) -> str:
        """Run a transaction; its signature."""
        asked = config or NO_CONFIG
        self.level(asked)
        transaction = decoded(text, asked.encoding)
        try:
            return self.chain.send(transaction, preflight=not asked.skip_preflight)
        except RpcError as error:
            if isinstance(error.data, Simulated):
                error.data = self._shown(error.data, NO_CONFIG)
            raise

    def simulate_transaction(self, text: str, config: Config | None = None) -> object:
        """What a transaction would do; signatures count only with `sigVerify`."""
        asked = config or NO_CONFIG
        level = self.level(asked)
        transaction = decoded(text, asked.encoding)
        if asked.sig_verify and asked.replace_recent_blockhash:
            raise invalid_params("sigVerify may not be used with replaceRecentBlockhash")
        if asked.sig_verify and not all(transaction.verify_with_results()):
            raise RpcError(SIGNATURE_FAILURE, "Transaction signature verification failure")
        if asked.replace_recent_blockhash:
            simulated = simulate(transaction, self.chain.accounts)
            shown = self._shown(simulated, asked)
            blockhash, last = self.chain.latest_blockhash(level)
            replaced = {"blockhash": str(blockhash), "lastValidBlockHeight": last}
            shown["replacementBlockhash"] = replaced
        else:
            shown = self._shown(self.chain.simulate(transaction), asked)
        return self.with_context(shown, level)

    def _shown(self, simulated: Simulated, config: Config) -> dict[str, object]:
        meta = simulated.meta
        return {
            "accounts": self._wanted_accounts(simulated, config),
            "err": simulated.err,
            "fee": None,
            "innerInstructions": _inner(meta) if config.inner_instructions and meta else None,
            "loadedAccountsDataSize": 0,
            "loadedAddresses": None,
            "logs": meta.logs() if meta else [],
            "postBalances": None,
            "postTokenBalances": None,
            "preBalances": None,
            "preTokenBalances": None,
            "replacementBlockhash": None,
            "unitsConsumed": meta.compute_units_consumed() if meta else 0,
            "returnData": _return_data(meta) if meta else None,
        }

    def _wanted_accounts(self, simulated: Simulated, config: Config) -> list[object] | None:
        wanted = config.accounts
        if wanted is None:
            return None
        if wanted.encoding in ("base58", "binary"):
            raise invalid_params("base58 encoding not supported")
        shown = list[object]()
        for text in wanted.addresses:
            key = key_of(text)
            account = simulated.accounts.get(key) or self.chain.accounts.now(key)
            accounts = self.chain.accounts
            shown.append(account and show_account(account, accounts, wanted.encoding))
        return shown

    def request_airdrop(self, text: str, lamports: int, config: Config | None = None) -> str:
        """Lamports from the faucet; the signature of the transfer."""
        blockhash, _ = self.chain.latest_blockhash(self.level(config))
        target, faucet = key_of(text), self.chain.faucet
        if not 0 < lamports < 2**64:
            raise invalid_params("Invalid params: lamports out of range")
        # The same amount to the same key in one slot must still be another signature.
        extra = 0
        while True:
            payments = [_payment(faucet, target, lamports)]
            payments += [_payment(faucet, faucet.pubkey(), extra)] if extra else []
            message = Message.new_with_blockhash(payments, faucet.pubkey(), blockhash)
            signed = Transaction([faucet], message, blockhash)
            transaction = VersionedTransaction.from_legacy(signed)
            if str(transaction.signatures[0]) not in self.chain.ledger.transactions:
                return self.chain.send(transaction)
            extra += 1

    def status_name(self, slot: int) -> str:
        """The commitment `slot` has reached."""
        levels = (FINALIZED, CONFIRMED, PROCESSED)
        return next(NAMES[level] for level in levels if slot <= self.chain.tips[level])

    def get_signature_statuses(self, signatures: list[str], config: Config | None = None) -> object:
        """Where each transaction stands; null for unknown ones."""
        self.level(config)
        if len(signatures) > MAX_STATUSES:
            raise invalid_params(f"Too many inputs provided; max {MAX_STATUSES}")
        found = [self.chain.ledger.transactions.get(signature) for signature in signatures]
        statuses = [landed and self._status(landed) for landed in found]
        return self.with_context(statuses, PROCESSED)

    def _status(self, landed: Landed) -> dict[str, object]:
        name = self.status_name(landed.slot)
        confirmations = self.chain.tips[PROCESSED] - landed.slot
        return {
            "slot": landed.slot,
            "confirmations": None if name == "finalized" else confirmations,
            "err": landed.err,
            "status": {"Ok": None} if landed.err is None else {"Err": landed.err},
            "confirmationStatus": name,
        }

    def _block_time(self, landed: Landed) -> int:
        return self.chain.ledger.banks[landed.slot].time

    def get_transaction(self, signature: str, config: str | Config | None = None) -> object:
        """A landed transaction, or null (also if it is too old to be remembered)."""
        asked = Config(encoding=config) if isinstance(config, str) else config or NO_CONFIG
        level = self.level(asked, CONFIRMED)
        landed = self.chain.ledger.transactions.get(signature)
        if landed is None or landed.slot > self.chain.tips[level]:
            return None
        shown = show_transaction(landed, asked.style)
        where = {"slot": landed.slot, "transactionIndex": landed.index}
        return {**shown, **where, "blockTime": self._block_time(landed)}

    def get_signatures_for_address(self, text: str, config: Config | None = None) -> object:
        """Transactions that name an account, newest first."""
        asked = config or NO_CONFIG
        level = self.level(asked, CONFIRMED)
        if not 1 <= asked.limit <= MAX_HISTORY:
            raise invalid_params(f"Invalid limit; max {MAX_HISTORY}")
        slot = self.chain.tips[level]
        span = Span(slot, asked.before, asked.until)
        history = self.chain.ledger.history(key_of(text), span)
        return [
            {
                "signature": landed.signature,
                "slot": landed.slot,
                "transactionIndex": landed.index,
                "err": landed.err,
                "memo": None,
                "blockTime": self._block_time(landed),
                "confirmationStatus": self.status_name(landed.slot),
            }
            for landed in itertools.islice(history, asked.limit)
        ]


def _payment(faucet: Keypair, target: Pubkey, lamports: int) -> Instruction:
    source = faucet.pubkey()
    return transfer(TransferParams(from_pubkey=source, to_pubkey=target, lamports=lamports))


def _return_data(meta: TransactionMetadata) -> object:
    return show_return_data(return_data_of(meta)).get("returnData")


def _inner(meta: TransactionMetadata) -> list[dict[str, object]]:
    return show_groups(inner_groups(meta))
