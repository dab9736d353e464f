"""What is on the chain before anybody comes: our programs, pump set up, wrapped SOL, a faucet."""

from __future__ import annotations

import hashlib

from solders.account import Account
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.transaction import Transaction, VersionedTransaction

from common.errors import SettingsError
from localnet.accounts import MINT_BYTES, SYSTEM
from localnet.chain import PROCESSED, Chain
from localnet.own_programs import OwnProgram
from programs import pump_instructions as pump
from programs.onchain import PROGRAM_IDS, binary

ADMIN_LAMPORTS = 10**15
FEE_BPS, CREATOR_FEE_BPS = 95, 30
"""What a real trade of 2026-02 paid to the protocol and to the creator."""
SOL_DECIMALS = 9


def admin() -> Keypair:
    """Fee recipient and withdraw authority of pump on every localnet. Its seed is no secret."""
    return Keypair.from_seed(hashlib.sha256(b"curvefeed localnet admin").digest())


def signed(
    chain: Chain, instructions: list[Instruction], *signers: Keypair
) -> VersionedTransaction:
    """A transaction for the open slot of `chain`; the first signer pays."""
    blockhash, _ = chain.latest_blockhash(PROCESSED)
    message = Message.new_with_blockhash(instructions, signers[0].pubkey(), blockhash)
    return VersionedTransaction.from_legacy(Transaction(list(signers), message, blockhash))


def _wrapped_sol(chain: Chain) -> Account:
    """The mint of wrapped SOL: no authority, nine decimals, initialized."""
    data = bytearray(MINT_BYTES)
    data[44], data[45] = SOL_DECIMALS, 1
    lamports = chain.svm.minimum_balance_for_rent_exemption(MINT_BYTES)
    return Account(lamports, bytes(data), pump.TOKEN)


def _load(chain: Chain, program: OwnProgram) -> None:
    try:
        chain.svm.add_program(program.address, program.elf)
    except BaseException as error:  # solders panics: an exception that is none of Exception's
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise SettingsError(
            f"the virtual machine refuses the program of {program.address}",
            hint="Was it built for Solana (cargo build-sbf, ./run program), whole and linked?",
        ) from error


def lay_foundation(chain: Chain, own: tuple[OwnProgram, ...] = ()) -> None:
    """Load our programs, initialize pump, add others' programs, and let it all become final.

    Raises SettingsError for a program that the virtual machine refuses.
    """
    for name, address in PROGRAM_IDS.items():
        chain.svm.add_program(address, binary(name))
    keeper = admin()
    chain.accounts.put(keeper.pubkey(), Account(ADMIN_LAMPORTS, b"", SYSTEM))
    chain.accounts.put(pump.WRAPPED_SOL, _wrapped_sol(chain))
    setup = pump.initialize(keeper.pubkey(), FEE_BPS, CREATOR_FEE_BPS)
    chain.send(signed(chain, [setup], keeper))
    for program in own:
        _load(chain, program)
    for _ in range(chain.options.finalize_after + 1):
        chain.tick()
