"""Launch a token on Ramp and trade it: `python trade.py RPC_URL [TRADES]`. Prints the mint."""

from __future__ import annotations

import asyncio
import hashlib
import random
import struct
import sys

from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed
from solana.rpc.models import TxOpts
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, create_account
from solders.transaction import Transaction

RAMP = Pubkey.from_string("RampExamp1e11111111111111111111111111111111")
TOKEN = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
SYSTEM = Pubkey.default()
AUTHORITY, _ = Pubkey.find_program_address([b"authority"], RAMP)
CURVE_BYTES, MINT_BYTES, HOLDING_BYTES = 48, 82, 165


class Trader:
    """One wallet with one token of its own."""

    def __init__(self, rpc: AsyncClient) -> None:
        self.rpc = rpc
        self.wallet, self.curve = Keypair(), Keypair()
        self.mint, self.holding = Keypair(), Keypair()

    async def send(self, instructions: list[Instruction], *signers: Keypair) -> None:
        """Sign, send, and wait until it is confirmed."""
        blockhash = (await self.rpc.get_latest_blockhash(Confirmed)).value.blockhash
        message = Message.new_with_blockhash(instructions, self.wallet.pubkey(), blockhash)
        signed = Transaction([self.wallet, *signers], message, blockhash)
        options = TxOpts(preflight_commitment=Confirmed)
        sent = await self.rpc.send_raw_transaction(bytes(signed), options)
        await self.rpc.confirm_transaction(sent.value, Confirmed, sleep_seconds=0.2)

    async def account(self, key: Keypair, size: int, owner: Pubkey) -> Instruction:
        """A new account of `owner`."""
        lamports = (await self.rpc.get_minimum_balance_for_rent_exemption(size)).value
        return create_account(
            CreateAccountParams(
                from_pubkey=self.wallet.pubkey(),
                to_pubkey=key.pubkey(),
                lamports=lamports,
                space=size,
                owner=owner,
            )
        )

    def ramp(self, name: str, args: bytes) -> Instruction:
        """An instruction of the program: each takes the same seven accounts."""
        keys = [self.wallet, self.curve, self.mint, self.holding]
        metas = [AccountMeta(key.pubkey(), key is self.wallet, True) for key in keys]
        metas += [AccountMeta(key, False, False) for key in (AUTHORITY, TOKEN, SYSTEM)]
        return Instruction(
            RAMP, hashlib.sha256(f"global:{name}".encode()).digest()[:8] + args, metas
        )

    async def launch(self, *names: str) -> None:
        """Make the mint, a place for our tokens, and the curve."""
        mint = AccountMeta(self.mint.pubkey(), False, True)
        holding = AccountMeta(self.holding.pubkey(), False, True)
        initialize_mint = bytes([20, 0]) + bytes(AUTHORITY) + bytes(1)
        initialize_holding = bytes([18]) + bytes(self.wallet.pubkey())
        args = b"".join(struct.pack("<I", len(each)) + each.encode() for each in names)
        await self.send(
            [
                await self.account(self.mint, MINT_BYTES, TOKEN),
                Instruction(TOKEN, initialize_mint, [mint]),
                await self.account(self.holding, HOLDING_BYTES, TOKEN),
                Instruction(
                    TOKEN, initialize_holding, [holding, AccountMeta(mint.pubkey, False, False)]
                ),
                await self.account(self.curve, CURVE_BYTES, RAMP),
                self.ramp("launch", args),
            ],
            self.mint, self.holding, self.curve,
        )  # fmt: skip

    async def trade(self, count: int) -> None:
        """Buy and sell at random, never more than we have."""
        held = 0
        for _ in range(count):
            is_buy = held < 1_000 or random.random() < 0.6  # noqa: S311 - play money
            tokens = random.randint(1_000, 20_000) if is_buy else random.randint(1, held)  # noqa: S311
            limits = struct.pack("<QQ", tokens, 2**63 if is_buy else 0)
            await self.send([self.ramp("buy" if is_buy else "sell", limits)])
            held += tokens if is_buy else -tokens


async def main(url: str, count: int = 20) -> None:
    """A wallet from the faucet, a token, trades."""
    async with AsyncClient(url, Confirmed) as rpc:
        trader = Trader(rpc)
        gift = await rpc.request_airdrop(trader.wallet.pubkey(), 50_000_000_000)
        await rpc.confirm_transaction(gift.value, Confirmed, sleep_seconds=0.2)
        await trader.launch("Ramp token", "RAMP", "https://example.com/ramp.json")
        print(trader.mint.pubkey(), flush=True)  # noqa: T201
        await trader.trade(count)


asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:3])))
