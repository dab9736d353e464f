"""A wallet on a chain in this process: no sockets, no waiting."""

from __future__ import annotations

from solders.account import Account
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from localnet.accounts import SYSTEM
from localnet.chain import Chain, ChainOptions
from localnet.genesis import admin, lay_foundation, signed
from localnet.ledger import Landed
from programs import pump_instructions as pump

SOL = 10**9


def chain_with_pump(**options: int) -> Chain:
    """A chain whose genesis is final."""
    chain = Chain(ChainOptions(**options))  # type: ignore[arg-type]
    lay_foundation(chain)
    return chain


class ChainUser:
    """Has 1,000 SOL; signs and sends at once."""

    def __init__(self, chain: Chain) -> None:
        self.chain, self.key = chain, Keypair()
        chain.accounts.put(self.address, Account(1_000 * SOL, b"", SYSTEM))

    @property
    def address(self) -> Pubkey:
        """Public key."""
        return self.key.pubkey()

    def sign(
        self, *instructions: Instruction, others: tuple[Keypair, ...] = ()
    ) -> VersionedTransaction:
        """A transaction for the open slot."""
        return signed(self.chain, list(instructions), self.key, *others)

    def send(self, *instructions: Instruction, others: tuple[Keypair, ...] = ()) -> Landed:
        """Land a transaction, successful or not."""
        signature = self.chain.send(self.sign(*instructions, others=others), preflight=False)
        return self.chain.ledger.transactions[signature]

    def launch(self) -> pump.Market:
        """A token of one's own, and an account for it."""
        mint = Keypair()
        made = [
            pump.create(self.address, mint.pubkey(), self.address, pump.Token("T", "T", "u")),
            pump.create_ata(self.address, self.address, mint.pubkey()),
        ]
        assert self.send(*made, others=(mint,)).err is None
        return pump.Market(mint.pubkey(), self.address, admin().pubkey())

    def buy(self, market: pump.Market, amount: int, limit: int = 100 * SOL) -> Instruction:
        """An instruction to buy."""
        return pump.buy(self.address, market, amount, limit)
