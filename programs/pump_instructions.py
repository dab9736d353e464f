"""Instructions and addresses of pump, as its IDL (pump-sdk 2.0.0) orders them. Pure: solders only.

Amounts are base units: tokens have 6 decimals, SOL has 9. `user` signs and pays everywhere.
"""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache

import msgspec
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

_key = Pubkey.from_string

PUMP = _key("6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P")
PUMP_AMM = _key("pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA")
SYSTEM = _key("11111111111111111111111111111111")
TOKEN = _key("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022 = _key("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ASSOCIATED_TOKEN = _key("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
RENT = _key("SysvarRent111111111111111111111111111111111")
METADATA = _key("metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s")
FEE_PROGRAM = _key("pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ")
WRAPPED_SOL = _key("So11111111111111111111111111111111111111112")


def address(*seeds: bytes, program: Pubkey = PUMP) -> Pubkey:
    """The program-derived address of `seeds`."""
    return Pubkey.find_program_address(list(seeds), program)[0]


def discriminator(space: str, name: str) -> bytes:
    """Anchor's first 8 bytes: `space` is global (instructions), account or event."""
    return hashlib.sha256(f"{space}:{name}".encode()).digest()[:8]


GLOBAL = address(b"global")
MINT_AUTHORITY = address(b"mint-authority")
EVENT_AUTHORITY = address(b"__event_authority")
GLOBAL_VOLUME = address(b"global_volume_accumulator")
FEE_CONFIG = address(b"fee_config", bytes(PUMP), program=FEE_PROGRAM)
AMM_CONFIG = address(b"global_config", program=PUMP_AMM)
AMM_EVENT_AUTHORITY = address(b"__event_authority", program=PUMP_AMM)
_INITIALIZE = discriminator("global", "initialize")
_CREATE = discriminator("global", "create")
_BUY = discriminator("global", "buy")
_SELL = discriminator("global", "sell")
_MIGRATE = discriminator("global", "migrate")


@lru_cache(maxsize=16_384)
def curve_address(mint: Pubkey) -> Pubkey:
    """The bonding curve of `mint`."""
    return address(b"bonding-curve", bytes(mint))


@lru_cache(maxsize=16_384)
def creator_vault(creator: Pubkey) -> Pubkey:
    """Where the creator's fees gather."""
    return address(b"creator-vault", bytes(creator))


@lru_cache(maxsize=65_536)
def token_account(owner: Pubkey, mint: Pubkey, token_program: Pubkey = TOKEN) -> Pubkey:
    """The associated token account of `owner` for `mint`."""
    seeds = bytes(owner), bytes(token_program), bytes(mint)
    return address(*seeds, program=ASSOCIATED_TOKEN)


@lru_cache(maxsize=16_384)
def _user_volume(user: Pubkey) -> Pubkey:
    return address(b"user_volume_accumulator", bytes(user))


def pool_address(mint: Pubkey) -> Pubkey:
    """The PumpSwap pool a completed curve of `mint` migrates to."""
    authority = bytes(_pool_authority(mint))
    return address(b"pool", bytes(2), authority, bytes(mint), bytes(WRAPPED_SOL), program=PUMP_AMM)


def _pool_authority(mint: Pubkey) -> Pubkey:
    return address(b"pool-authority", bytes(mint))


def _read(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=False)


def _write(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=True)


def _sign(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=True, is_writable=True)


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<I", len(raw)) + raw


def initialize(user: Pubkey, fee_bps: int | None = None, creator_fee_bps: int = 0) -> Instruction:
    """Set up the program, once; `user` becomes fee recipient and withdraw authority.

    The two fees are an addition of our localnet's program (default: 100 and 0).
    """
    fees = b"" if fee_bps is None else struct.pack("<QQ", fee_bps, creator_fee_bps)
    return Instruction(PUMP, _INITIALIZE + fees, [_write(GLOBAL), _sign(user), _read(SYSTEM)])


class Token(msgspec.Struct, frozen=True):
    """What a new token says of itself: name ≤ 32 bytes, symbol ≤ 13, uri ≤ 200 on our localnet."""

    name: str
    symbol: str
    uri: str


def create(user: Pubkey, mint: Pubkey, creator: Pubkey, token: Token) -> Instruction:
    """A new token with its curve. `mint` signs too; `creator` earns the creator fee."""
    curve = curve_address(mint)
    data = _CREATE + _text(token.name) + _text(token.symbol) + _text(token.uri) + bytes(creator)
    metadata = address(b"metadata", bytes(METADATA), bytes(mint), program=METADATA)
    accounts = [
        _sign(mint),
        _read(MINT_AUTHORITY),
        _write(curve),
        _write(token_account(curve, mint)),
        _read(GLOBAL),
        _read(METADATA),
        _write(metadata),
        _sign(user),
        _read(SYSTEM),
        _read(TOKEN),
        _read(ASSOCIATED_TOKEN),
        _read(RENT),
        _read(EVENT_AUTHORITY),
        _read(PUMP),
    ]
    return Instruction(PUMP, data, accounts)


def create_ata(
    payer: Pubkey, owner: Pubkey, mint: Pubkey, token_program: Pubkey = TOKEN
) -> Instruction:
    """The associated token account of `owner`, unless it is there already."""
    accounts = [
        _sign(payer),
        _write(token_account(owner, mint, token_program)),
        _read(owner),
        _read(mint),
        _read(SYSTEM),
        _read(token_program),
    ]
    return Instruction(ASSOCIATED_TOKEN, b"\x01", accounts)


class Market(msgspec.Struct, frozen=True):
    """What a trade names beside its amounts: the token, its creator, pump's fee recipient."""

    mint: Pubkey
    creator: Pubkey
    fee_recipient: Pubkey
    buyback_recipient: Pubkey | None = None
    """Whom mainnet's program pays a share of its fee; the localnet's has none."""
    token_program: Pubkey = TOKEN


def _trade_accounts(user: Pubkey, market: Market) -> list[AccountMeta]:
    curve = curve_address(market.mint)
    return [
        _read(GLOBAL),
        _write(market.fee_recipient),
        _read(market.mint),
        _write(curve),
        _write(token_account(curve, market.mint, market.token_program)),
        _write(token_account(user, market.mint, market.token_program)),
        _sign(user),
        _read(SYSTEM),
    ]


def _trailing(market: Market) -> list[AccountMeta]:
    """Accounts that pump-sdk 2.0.0 adds to every trade where there is a buyback recipient."""
    if market.buyback_recipient is None:
        return []
    extension = address(b"bonding-curve-v2", bytes(market.mint))
    return [_read(extension), _write(market.buyback_recipient)]


def buy(user: Pubkey, market: Market, amount: int, max_cost: int) -> Instruction:
    """Buy `amount` token units for at most `max_cost` lamports, fees included."""
    data = _BUY + struct.pack("<QQ?", amount, max_cost, True)
    accounts = [
        *_trade_accounts(user, market),
        _read(market.token_program),
        _write(creator_vault(market.creator)),
        _read(EVENT_AUTHORITY),
        _read(PUMP),
        _read(GLOBAL_VOLUME),
        _write(_user_volume(user)),
        _read(FEE_CONFIG),
        _read(FEE_PROGRAM),
        *_trailing(market),
    ]
    return Instruction(PUMP, data, accounts)


def sell(user: Pubkey, market: Market, amount: int, min_output: int) -> Instruction:
    """Sell `amount` token units for at least `min_output` lamports, fees deducted."""
    data = _SELL + struct.pack("<QQ", amount, min_output)
    accounts = [
        *_trade_accounts(user, market),
        _write(creator_vault(market.creator)),
        _read(market.token_program),
        _read(EVENT_AUTHORITY),
        _read(PUMP),
        _read(FEE_CONFIG),
        _read(FEE_PROGRAM),
        *_trailing(market),
    ]
    return Instruction(PUMP, data, accounts)


def migrate(user: Pubkey, mint: Pubkey, withdraw_authority: Pubkey) -> Instruction:
    """Move what a completed curve holds to its AMM pool; anybody may ask for it."""
    curve, authority, pool = curve_address(mint), _pool_authority(mint), pool_address(mint)
    lp_mint = address(b"pool_lp_mint", bytes(pool), program=PUMP_AMM)
    accounts = [
        _read(GLOBAL),
        _write(withdraw_authority),
        _read(mint),
        _write(curve),
        _write(token_account(curve, mint)),
        _sign(user),
        _read(SYSTEM),
        _read(TOKEN),
        _read(PUMP_AMM),
        _write(pool),
        _write(authority),
        _write(token_account(authority, mint)),
        _write(token_account(authority, WRAPPED_SOL)),
        _read(AMM_CONFIG),
        _read(WRAPPED_SOL),
        _write(lp_mint),
        _write(token_account(authority, lp_mint, TOKEN_2022)),
        _write(token_account(pool, mint)),
        _write(token_account(pool, WRAPPED_SOL)),
        _read(TOKEN_2022),
        _read(ASSOCIATED_TOKEN),
        _read(AMM_EVENT_AUTHORITY),
        _read(EVENT_AUTHORITY),
        _read(PUMP),
        _read(RENT),
    ]
    return Instruction(PUMP, _MIGRATE, accounts)


class GlobalState(msgspec.Struct, frozen=True):
    """Of pump's Global account, what a trader needs."""

    fee_recipient: Pubkey
    withdraw_authority: Pubkey
    fee_bps: int
    creator_fee_bps: int


def read_global(data: bytes) -> GlobalState:
    """Decode the Global account. Raises ValueError if `data` is something else."""
    if data[:8] != discriminator("account", "Global") or len(data) < 162:
        raise ValueError("not pump's Global account")
    fee_bps, creator_fee_bps = (int.from_bytes(data[at : at + 8], "little") for at in (105, 154))
    return GlobalState(Pubkey(data[41:73]), Pubkey(data[113:145]), fee_bps, creator_fee_bps)


class CurveState(msgspec.Struct, frozen=True):
    """Of a BondingCurve account, what a trader needs."""

    virtual_token: int
    virtual_sol: int
    real_token: int
    real_sol: int
    supply: int
    is_complete: bool
    creator: Pubkey


def read_curve(data: bytes) -> CurveState:
    """Decode a BondingCurve account (81 bytes or more). Raises ValueError if `data` is not one."""
    if data[:8] != discriminator("account", "BondingCurve") or len(data) < 81:
        raise ValueError("not a BondingCurve account")
    reserves: tuple[int, int, int, int, int] = struct.unpack_from("<5Q", data, 8)
    return CurveState(*reserves, bool(data[48]), Pubkey(data[49:81]))
