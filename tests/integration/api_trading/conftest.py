"""The API over a chain of its own, whose clock stands still, and traders with keys."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from api.server import ApiServer
from common.settings import Settings
from db.pool import Pool
from localnet.accounts import SYSTEM
from localnet.genesis import signed
from localnet.node import Localnet
from programs import pump_instructions as pump
from tests.conftest import SettingsFactory

SOL = 10**9
API = "/api/v1/trading"


@dataclass
class Shop:
    """The API's trading routes, and the chain behind them."""

    http: httpx2.AsyncClient
    net: Localnet

    def wallet(self, lamports: int = 500 * SOL) -> Keypair:
        """A new key with that much."""
        key = Keypair()
        self.net.chain.accounts.put(key.pubkey(), Account(lamports, b"", SYSTEM))
        return key

    def launch(self, creator: Keypair) -> Pubkey:
        """A new token; its first trade has yet to open the creator's vault."""
        mint = Keypair()
        made = pump.create(
            creator.pubkey(), mint.pubkey(), creator.pubkey(), pump.Token("Tulip", "TLP", "u")
        )
        self.net.chain.send(signed(self.net.chain, [made], creator, mint))
        self.net.tick()
        return mint.pubkey()

    def lamports(self, key: Pubkey) -> int:
        """Of an account, now."""
        account = self.net.chain.accounts.now(key)
        return account.lamports if account else 0

    def tokens(self, owner: Pubkey, mint: Pubkey) -> int:
        """Of the owner's token account, now."""
        account = self.net.chain.accounts.now(pump.token_account(owner, mint))
        return int.from_bytes(account.data[64:72], "little") if account else 0

    async def ask(self, path: str, status: int = 200, /, **body: Any) -> Any:
        """POST; fails the test on another status."""
        answer = await self.http.post(f"{API}/{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str, status: int = 200, /, **query: Any) -> Any:
        """GET; fails the test on another status."""
        answer = await self.http.get(f"{API}/{path}", params=query)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def trade(self, key: Keypair, **order: Any) -> Any:
        """Build, sign, submit and land; the answer of /transaction."""
        built = await self.ask("transaction", wallet=str(key.pubkey()), **order)
        sent = await self.ask("submit", 202, transaction=signed_by(key, built["transaction"]))
        self.net.tick()
        found = await self.get(f"status/{sent['signature']}")
        assert found["status"] == "confirmed", found
        return built


def launch_2022(shop: Shop, creator: Keypair) -> Pubkey:
    """A curve for a mint of Token-2022, put in place: the localnet's `create` makes none."""
    chain, payer, mint, authority = shop.net.chain, shop.wallet(), Keypair().pubkey(), Keypair()
    model = shop.launch(creator)
    told = chain.accounts.now(pump.curve_address(model))
    minted = chain.accounts.now(model)
    assert told is not None
    assert minted is not None
    seeds = [b"bonding-curve", bytes(mint)]
    curve, bump = Pubkey.find_program_address(seeds, pump.PUMP)
    state = told.data[:-1] + bytes([bump])
    chain.accounts.put(curve, Account(told.lamports, state, pump.PUMP))
    data = bytearray(minted.data)
    data[:36] = b"\1\0\0\0" + bytes(authority.pubkey())
    data[36:44] = bytes(8)
    chain.accounts.put(mint, Account(minted.lamports, bytes(data), pump.TOKEN_2022))
    vault = pump.token_account(curve, mint, pump.TOKEN_2022)
    keys = [(mint, False, True), (vault, False, True), (authority.pubkey(), True, False)]
    supply = Instruction(
        pump.TOKEN_2022, b"\7" + (10**15).to_bytes(8, "little"),
        [AccountMeta(*each) for each in keys],
    )  # fmt: skip
    opened = pump.create_ata(payer.pubkey(), curve, mint, pump.TOKEN_2022)
    chain.send(signed(chain, [opened, supply], payer, authority))
    shop.net.tick()
    return mint


def signed_by(key: Keypair, transaction: str) -> str:
    """What a wallet does with an unsigned transaction."""
    message = VersionedTransaction.from_bytes(base64.b64decode(transaction)).message
    return base64.b64encode(bytes(VersionedTransaction(message, [key]))).decode()


@asynccontextmanager
async def serving(settings: Settings, pool: Pool) -> AsyncIterator[str]:
    """A served API; its URL."""
    server = ApiServer(settings, pool, None, "no page in this test")
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.stop()


@pytest.fixture
async def shop(localnet: Localnet, pool: Pool, settings: SettingsFactory) -> AsyncIterator[Shop]:
    """Everything up, on the localnet."""
    made = settings(
        websocket_port=0, localnet_port=localnet.port, trading_requests_per_minute=100_000
    )
    async with serving(made, pool) as url, httpx2.AsyncClient(base_url=url, timeout=30) as http:
        yield Shop(http, localnet)
