"""The localnet's pump program alone in an SVM, with a second opinion on its arithmetic and events.

Independent of the decoders and of programs.curve: an error would have to be made twice.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from typing import Any

from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.litesvm import FeatureSet, LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import Transaction
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata

from programs import pump_instructions as pump
from programs.onchain import binary

SOL = 10**9
EVENT_TAG = hashlib.sha256(b"anchor:event").digest()[:8][::-1]
SUPPLY, FOR_SALE = 10**15, 793_100_000_000_000
RESERVED = SUPPLY - FOR_SALE

_FIELDS = {
    "CreateEvent": "name:s symbol:s uri:s mint:k bonding_curve:k user:k creator:k timestamp:q "
    "virtual_token_reserves:Q virtual_sol_reserves:Q real_token_reserves:Q token_total_supply:Q "
    "token_program:k is_mayhem_mode:? is_cashback_enabled:? quote_mint:k virtual_quote_reserves:Q "
    "creator_fee_bps:Q is_holder_reward:?",
    "TradeEvent": "mint:k sol_amount:Q token_amount:Q is_buy:? user:k timestamp:q "
    "virtual_sol_reserves:Q virtual_token_reserves:Q real_sol_reserves:Q real_token_reserves:Q "
    "fee_recipient:k fee_basis_points:Q fee:Q creator:k creator_fee_basis_points:Q creator_fee:Q "
    "track_volume:? total_unclaimed_tokens:Q total_claimed_tokens:Q current_sol_volume:Q "
    "last_update_timestamp:q ix_name:s mayhem_mode:? cashback_fee_basis_points:Q cashback:Q "
    "buyback_fee_basis_points:Q buyback_fee:Q shareholders:v quote_mint:k quote_amount:Q "
    "virtual_quote_reserves:Q real_quote_reserves:Q holder_rewards_bps:Q holder_rewards:Q",
    "CompleteEvent": "user:k mint:k bonding_curve:k timestamp:q quote_mint:k",
    "CompletePumpAmmMigrationEvent": "user:k mint:k mint_amount:Q sol_amount:Q "
    "pool_migration_fee:Q bonding_curve:k timestamp:q pool:k quote_mint:k",
}


def event_of(raw: bytes) -> dict[str, Any]:
    """Name and fields of an event; fails the test if a byte is left over or missing."""
    names = {pump.discriminator("event", name): name for name in _FIELDS}
    name, at = names[raw[:8]], 8
    found: dict[str, Any] = {"event": name}
    for part in _FIELDS[name].split():
        field, kind = part.split(":")
        found[field], at = _value(raw, at, kind)
    assert at == len(raw), name
    return found


def _value(raw: bytes, at: int, kind: str) -> tuple[Any, int]:
    if kind == "k":
        return Pubkey.from_bytes(raw[at : at + 32]), at + 32
    if kind in "sv":
        (length,) = struct.unpack_from("<I", raw, at)
        size = length if kind == "s" else 34 * length
        body = raw[at + 4 : at + 4 + size]
        return (body.decode() if kind == "s" else length), at + 4 + size
    return struct.unpack_from("<" + kind, raw, at)[0], at + struct.calcsize("<" + kind)


def logged_events(metadata: TransactionMetadata) -> list[dict[str, Any]]:
    """Events of data lines. The harness runs nothing but pump, so every line is its."""
    lines = (line.removeprefix("Program data: ") for line in _data_lines(metadata.logs()))
    return [event_of(base64.b64decode(line)) for line in lines]


def _data_lines(logs: list[str]) -> list[str]:
    return [line for line in logs if line.startswith("Program data: ")]


def called_events(metadata: TransactionMetadata) -> list[dict[str, Any]]:
    """Events of the program's calls to itself."""
    calls = (bytes(c.instruction().data) for g in metadata.inner_instructions() for c in g)
    return [event_of(data[8:]) for data in calls if data[:8] == EVENT_TAG]


@dataclass
class Reserves:
    """A curve in Python: pump's integer arithmetic, from its public documents and real trades."""

    virtual_token: int = 1_073_000_000_000_000
    virtual_sol: int = 30 * SOL
    real_token: int = FOR_SALE
    real_sol: int = 0

    def cost(self, amount: int) -> int:
        """Lamports for `amount`, before fees."""
        return amount * self.virtual_sol // (self.virtual_token - amount) + 1

    def output(self, amount: int) -> int:
        """Lamports out of `amount`, before fees."""
        return amount * self.virtual_sol // (self.virtual_token + amount)

    def move(self, sol: int, token: int) -> None:
        """`sol` came in and `token` went out."""
        self.virtual_sol, self.real_sol = self.virtual_sol + sol, self.real_sol + sol
        self.virtual_token, self.real_token = self.virtual_token - token, self.real_token - token


def fee(amount: int, bps: int) -> int:
    """Rounded up."""
    return -(-amount * bps // 10_000)


def new_svm(*, all_features: bool) -> LiteSVM:
    """Mainnet's features of the library's release, or every one, as a test validator has them."""
    if not all_features:
        return LiteSVM()
    svm = LiteSVM.default().with_feature_set(FeatureSet.all_enabled()).with_builtins()
    svm = svm.with_lamports(10**15).with_sysvars().with_feature_accounts()
    return svm.with_default_programs().with_sigverify(True).with_blockhash_check(True)


class PumpWorld:
    """An SVM with pump, an admin who gets the fees, and one user with 1,000 SOL."""

    def __init__(
        self, *, version: int = 0, all_features: bool = False, bps: tuple[int, int] = (100, 0)
    ) -> None:
        self.svm = new_svm(all_features=all_features)
        self.svm.add_program(pump.PUMP, binary("pump", version))
        self.admin, self.user, self.bps = Keypair(), Keypair(), bps
        for key in (self.admin, self.user):
            self.svm.airdrop(key.pubkey(), 1_000 * SOL)
        self.me, self.fees = self.user.pubkey(), self.admin.pubkey()
        self.succeeds([pump.initialize(self.fees, *bps)], self.admin)
        self.reserves = Reserves()

    def send(
        self, instructions: list[Instruction], *signers: Keypair
    ) -> TransactionMetadata | FailedTransactionMetadata:
        """Run a transaction."""
        self.svm.expire_blockhash()
        message = Message(instructions, signers[0].pubkey())
        transaction = Transaction(list(signers), message, self.svm.latest_blockhash())
        return self.svm.send_transaction(transaction)

    def succeeds(self, instructions: list[Instruction], *signers: Keypair) -> list[dict[str, Any]]:
        """Its events, the same on both channels; fails the test if it fails."""
        result = self.send(instructions, *(signers or (self.user,)))
        assert isinstance(result, TransactionMetadata), (result.err(), result.meta().logs())
        logged, called = logged_events(result), called_events(result)
        assert logged == called
        return logged

    def code(self, *instructions: Instruction) -> int:
        """The custom error the user's transaction ends with."""
        result = self.send(list(instructions), self.user)
        assert isinstance(result, FailedTransactionMetadata), "it succeeded"
        error = result.err()
        code: int = error.err.code  # type: ignore[union-attr]
        return code

    def launch(self) -> pump.Market:
        """A new token of the user's, with an account to hold it."""
        mint = Keypair()
        token = pump.Token("Tulip", "TLP", "https://example.org/t.json")
        create = pump.create(self.me, mint.pubkey(), self.me, token)
        (event,) = self.succeeds([create], self.user, mint)
        assert event["event"] == "CreateEvent"
        assert event["mint"] == mint.pubkey()
        self.succeeds([pump.create_ata(self.me, self.me, mint.pubkey())])
        self.reserves = Reserves()
        return pump.Market(mint.pubkey(), self.me, self.fees)

    def lamports(self, key: Pubkey) -> int:
        """Balance."""
        return self.svm.get_balance(key) or 0

    def tokens(self, owner: Pubkey, mint: Pubkey) -> int:
        """Balance of the associated token account."""
        account = self.svm.get_account(pump.token_account(owner, mint))
        return int.from_bytes(account.data[64:72], "little") if account else 0

    def state(self, mint: Pubkey) -> pump.CurveState:
        """The curve's account."""
        account = self.svm.get_account(pump.curve_address(mint))
        assert account is not None
        return pump.read_curve(account.data)

    def check(self, mint: Pubkey) -> None:
        """The account, its lamports and its vault agree with the curve in Python."""
        state, expected = self.state(mint), self.reserves
        assert state.virtual_token == expected.virtual_token
        assert state.virtual_sol == expected.virtual_sol
        assert (state.real_token, state.real_sol) == (expected.real_token, expected.real_sol)
        curve = pump.curve_address(mint)
        rent = self.svm.minimum_balance_for_rent_exemption(151)
        assert self.lamports(curve) == rent + expected.real_sol
        assert self.tokens(curve, mint) == expected.real_token + RESERVED
