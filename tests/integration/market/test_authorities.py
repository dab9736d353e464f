"""Who may mint or freeze a token is what its mint's account says, and nothing else."""

from __future__ import annotations

import httpx2
from solders.account import Account
from solders.pubkey import Pubkey
from solders.token.state import Mint

from api.server import ApiServer
from db import authorities
from db.pool import Pool
from indexer.market.authorities import authorities_in, step
from indexer.rpc import Node
from localnet.node import Localnet
from programs.keys import b58
from tests.conftest import SettingsFactory
from tests.helpers.rest import serving

TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022 = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
MAKER = Pubkey.new_unique()


def mint_account(may_mint: Pubkey | None, may_freeze: Pubkey | None) -> bytes:
    """As the token program lays it out."""
    return bytes(Mint(may_mint, 10**15, 6, is_initialized=True, freeze_authority=may_freeze))


async def named(pool: Pool, number: int) -> Pubkey:
    """A token of this number."""
    mint = Pubkey.new_unique()
    await pool.execute(
        "INSERT INTO tokens (id, mint, program, first_seq) VALUES ($1, $2, 'pump', $3)",
        number, bytes(mint), number,
    )  # fmt: skip
    return mint


def test_what_is_no_mint_says_nothing() -> None:
    """Too short, or never initialized."""
    assert authorities_in(bytes(81), 1) is None
    assert authorities_in(bytes(82), 1) is None


async def test_flags_tell_who_may_mint_and_freeze(
    pool: Pool, localnet: Localnet, settings: SettingsFactory
) -> None:
    """A flag for each authority there is, with the slot it was read at; none where it was given up;
    nothing at all where there is no mint. What was given up is not read again."""
    held, given_up, missing, forged = [await named(pool, number) for number in range(1, 5)]
    put = localnet.chain.accounts.put
    put(held, Account(10**9, mint_account(MAKER, None), TOKEN_PROGRAM))
    put(given_up, Account(10**9, mint_account(None, None) + bytes(200), TOKEN_2022))
    put(forged, Account(10**9, mint_account(MAKER, MAKER), Pubkey.new_unique()))
    localnet.tick(40)
    async with Node(localnet.rpc_url, "confirmed") as node:
        assert await step(pool, node) == 4
        assert await step(pool, node) == 0
        await pool.execute("UPDATE mint_authorities SET due_at = now() WHERE due_at IS NOT NULL")
        assert await step(pool, node) == 3
    found = await authorities.authorities_of(pool, bytes(held))
    assert found is not None
    assert (found.mint_authority, found.freeze_authority) == (bytes(MAKER), None)
    server = ApiServer(settings(websocket_port=0), pool)
    async with serving(server) as http:
        assert await flags(http, held) == (
            {"mint_authority": b58(bytes(MAKER))},
            {"mint_authority": b58(bytes(MAKER)), "freeze_authority": None, "slot": found.slot},
        )
        (_, known) = await flags(http, given_up)
        assert known is not None
        assert (known["mint_authority"], known["freeze_authority"]) == (None, None)
        assert await flags(http, missing) == ({}, None)
        assert await flags(http, forged) == ({}, None)


async def flags(
    http: httpx2.AsyncClient, mint: Pubkey
) -> tuple[dict[str, str], dict[str, str | int | None] | None]:
    """Flags with who it is, and what is known of the authorities."""
    answer = (await http.get(f"/api/v1/tokens/{mint}/flags")).json()
    told = {each["flag"]: each["evidence"]["authority"] for each in answer["items"]}
    return told, answer["authorities"]
