"""The committed programs are what their sources compile to, and a validator would take them."""

from __future__ import annotations

import struct

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, create_account
from solders.transaction import Transaction
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata

from common.errors import BuildError
from programs import pump_instructions as pump
from programs.onchain import FOLDER, PROGRAM_IDS, binary
from programs.onchain import build as builder
from programs.onchain.elf import LinkError
from programs.onchain.link import link
from tests.helpers.pump_program import new_svm

LOADER = Pubkey.from_string("BPFLoaderUpgradeab1e11111111111111111111111")
CLOCK = Pubkey.from_string("SysvarC1ock11111111111111111111111111111111")
CHUNK_BYTES = 900


@pytest.mark.parametrize("name", PROGRAM_IDS)
def test_committed_files_are_rebuilt_byte_for_byte(name: str) -> None:
    """Compiling and linking the C source gives exactly the files that are committed."""
    for file, data in builder.build(name).items():
        assert (FOLDER / file).read_bytes() == data, file


def test_every_source_is_a_program_or_included() -> None:
    """No C file lies around unbuilt."""
    assert {path.stem for path in FOLDER.glob("*.c")} == set(PROGRAM_IDS)


def test_a_source_that_does_not_compile_says_why() -> None:
    """BuildError carries the compiler's words."""
    with pytest.raises(BuildError, match=r"missing\.c does not compile"):
        builder.build("missing")


def test_the_linker_takes_only_what_a_program_can_be() -> None:
    """Anything but a BPF object, and any sBPF version but 0 and 3, is refused."""
    with pytest.raises(LinkError, match="BPF relocatable object"):
        link(binary("router"))
    with pytest.raises(LinkError, match="version"):
        link(builder.compiled(FOLDER / "router.c", builder.keys_header()), version=2)


class Deployer:
    """Sends a program through the upgradeable loader, as `solana program deploy` does."""

    def __init__(self, svm: LiteSVM) -> None:
        self.svm, self.payer = svm, Keypair()
        self.me = self.payer.pubkey()
        svm.airdrop(self.me, 10**12)

    def run(
        self, instructions: list[Instruction], *others: Keypair
    ) -> TransactionMetadata | FailedTransactionMetadata:
        """One transaction."""
        self.svm.expire_blockhash()
        blockhash = self.svm.latest_blockhash()
        message = Message.new_with_blockhash(instructions, self.me, blockhash)
        return self.svm.send_transaction(Transaction([self.payer, *others], message, blockhash))

    def _allocate(self, account: Keypair, size: int) -> Instruction:
        return create_account(
            CreateAccountParams(
                from_pubkey=self.me,
                to_pubkey=account.pubkey(),
                lamports=self.svm.minimum_balance_for_rent_exemption(size),
                space=size,
                owner=LOADER,
            )
        )

    def write(self, program: bytes) -> Keypair:
        """A buffer that holds `program`."""
        buffer = Keypair()
        mine = AccountMeta(self.me, is_signer=False, is_writable=False)
        there = AccountMeta(buffer.pubkey(), is_signer=False, is_writable=True)
        setup = Instruction(LOADER, struct.pack("<I", 0), [there, mine])
        self.run([self._allocate(buffer, 37 + len(program)), setup], buffer)
        signer = AccountMeta(self.me, is_signer=True, is_writable=False)
        for at in range(0, len(program), CHUNK_BYTES):
            chunk = program[at : at + CHUNK_BYTES]
            data = struct.pack("<IIQ", 1, at, len(chunk)) + chunk
            result = self.run([Instruction(LOADER, data, [there, signer])])
            assert isinstance(result, TransactionMetadata)
        return buffer

    def deploy(self, program: bytes) -> TransactionMetadata | FailedTransactionMetadata:
        """The result of the deploying transaction."""
        buffer, target = self.write(program), Keypair()
        data_key = Pubkey.find_program_address([bytes(target.pubkey())], LOADER)[0]
        accounts = [
            AccountMeta(self.me, is_signer=True, is_writable=True),
            AccountMeta(data_key, is_signer=False, is_writable=True),
            AccountMeta(target.pubkey(), is_signer=False, is_writable=True),
            AccountMeta(buffer.pubkey(), is_signer=False, is_writable=True),
            AccountMeta(pump.RENT, is_signer=False, is_writable=False),
            AccountMeta(CLOCK, is_signer=False, is_writable=False),
            AccountMeta(pump.SYSTEM, is_signer=False, is_writable=False),
            AccountMeta(self.me, is_signer=True, is_writable=False),
        ]
        finish = Instruction(LOADER, struct.pack("<IQ", 2, len(program)), accounts)
        return self.run([self._allocate(target, 36), finish], target)


@pytest.mark.parametrize("name", PROGRAM_IDS)
@pytest.mark.parametrize("all_features", [False, True])
def test_version_3_can_be_deployed(name: str, all_features: bool) -> None:
    """The loader's strict checks and the verifier accept the v3 files, whatever features are on."""
    result = Deployer(new_svm(all_features=all_features)).deploy(binary(name, 3))
    assert isinstance(result, TransactionMetadata), result.meta().logs()


def test_version_0_is_for_genesis_where_all_features_are_on() -> None:
    """With SIMD-0500 on the loader refuses v0: that is why both are built."""
    result = Deployer(new_svm(all_features=True)).deploy(binary("router", 0))
    assert isinstance(result, FailedTransactionMetadata)
