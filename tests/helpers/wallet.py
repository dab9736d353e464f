"""A user with a key: launches a token and trades it, over JSON-RPC, with signed transactions."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Self

import httpx2
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.transaction import Transaction

from programs.pump_instructions import (
    GLOBAL,
    Market,
    Token,
    buy,
    create,
    create_ata,
    read_global,
    sell,
)

SOL = 10**9


class Wallet:
    """One keypair and one node. `await Wallet.funded(url)` has 100 SOL."""

    def __init__(self, rpc_url: str) -> None:
        self.key = Keypair()
        self._http = httpx2.AsyncClient(timeout=30)
        self._url = rpc_url

    @classmethod
    async def funded(cls, rpc_url: str) -> Self:
        """A new wallet with 100 SOL, once the airdrop is confirmed."""
        wallet = cls(rpc_url)
        drop = await wallet.call("requestAirdrop", str(wallet.key.pubkey()), 100 * SOL)
        await wallet.confirmed(drop)
        return wallet

    async def close(self) -> None:
        """Close the connection to the node."""
        await self._http.aclose()

    async def call(self, method: str, *params: object) -> Any:
        """One JSON-RPC call; an error of the node fails the test."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        answer = (await self._http.post(self._url, json=body)).json()
        assert "error" not in answer, answer
        return answer["result"]

    async def confirmed(self, signature: str, timeout_s: float = 30) -> None:
        """Wait until `signature` is confirmed."""
        async with asyncio.timeout(timeout_s):
            while True:
                status = (await self.call("getSignatureStatuses", [signature]))["value"][0]
                if status and status["confirmationStatus"] != "processed":
                    assert status["err"] is None, status
                    return
                await asyncio.sleep(0.05)

    async def signed(self, instructions: list[Instruction], *others: Keypair) -> Transaction:
        """A transaction that is ready to send; its signature is known already."""
        latest = await self.call("getLatestBlockhash", {"commitment": "confirmed"})
        blockhash = Hash.from_string(latest["value"]["blockhash"])
        message = Message.new_with_blockhash(instructions, self.key.pubkey(), blockhash)
        return Transaction([self.key, *others], message, blockhash)

    async def send(self, transaction: Transaction) -> str:
        """Hand it to the node; its signature."""
        raw = base64.b64encode(bytes(transaction)).decode()
        config = {"encoding": "base64", "preflightCommitment": "confirmed"}
        signature: str = await self.call("sendTransaction", raw, config)
        return signature

    async def launch(self, token: Token) -> Market:
        """Create a token and an account to hold it; returns once that is confirmed."""
        account = await self.call("getAccountInfo", str(GLOBAL), {"encoding": "base64"})
        fees = read_global(base64.b64decode(account["value"]["data"][0])).fee_recipient
        mint, user = Keypair(), self.key.pubkey()
        instructions = [
            create(user, mint.pubkey(), user, token),
            create_ata(user, user, mint.pubkey()),
        ]
        await self.confirmed(await self.send(await self.signed(instructions, mint)))
        return Market(mint=mint.pubkey(), creator=user, fee_recipient=fees)

    async def purchase(self, market: Market, amount: int) -> Transaction:
        """A signed purchase of `amount` base units, at any price up to 50 SOL."""
        return await self.signed([buy(self.key.pubkey(), market, amount, 50 * SOL)])

    async def sale(self, market: Market, amount: int) -> Transaction:
        """A signed sale of `amount` base units, at any price."""
        return await self.signed([sell(self.key.pubkey(), market, amount, 0)])
