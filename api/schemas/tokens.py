"""A token: its state, and what is derived from its trades."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from api.examples import example_of
from api.schemas.base import (
    MINT,
    POOL,
    SIGNATURE,
    SLOT,
    TIME,
    WALLET,
    WRAPPED_SOL,
    Meta,
    Model,
    PageOf,
    Usd,
    Window,
    decimal_or_none,
    decimal_text,
    key_text,
    number_text,
)
from db.reads.tokens import TokenView
from db.reads.windows import WindowRow
from db.windows import Window as ExactWindow
from programs.keys import b58

_WINDOW = example_of(Window)
FlagName = Literal["bundled", "creator_sold", "concentrated", "mint_authority", "freeze_authority"]
Stage = Literal["curve", "completed", "migrated"]


class Token(Model):
    """A token as far as it was seen. Null: not known."""

    mint: str = Field(examples=[MINT])
    program: str = Field(description="Launchpad.", examples=["pump"])
    name: str | None = Field(examples=["First Light"])
    symbol: str | None = Field(examples=["LIGHT"])
    uri: str | None = Field(
        description="Of its metadata: see /tokens/{mint}/metadata.",
        examples=["https://example.com/light.json"],
    )
    image: str | None = Field(
        description="Path of its thumbnail here; null while there is none.",
        examples=[f"/api/v1/tokens/{MINT}/image"],
    )
    creator: str | None = Field(examples=[WALLET])
    pool: str | None = Field(description="Bonding curve.", examples=[POOL])
    amm_pool: str | None = Field(description="Pool that its liquidity went to.", examples=[POOL])
    quote_mint: str | None = Field(examples=[WRAPPED_SOL])
    decimals: int | None = Field(examples=[6])
    quote_decimals: int | None = Field(examples=[9])
    supply: str | None = Field(examples=["1000000000000000"])
    flags: list[str] = Field(description="What its creation said of it.", examples=[["mayhem"]])
    stage: Stage = Field(
        description="curve: on its bonding curve. completed: the curve is full. migrated: its "
        "liquidity has moved to a pool.",
        examples=["migrated"],
    )
    created_slot: int | None = Field(examples=[SLOT - 900])
    created_at: int | None = Field(description="Unix seconds.", examples=[TIME])
    price: str | None = Field(examples=["0.0000000279589996"])
    market_cap: str | None = Field(description="In whole quote tokens.", examples=["27.9589"])
    usd: Usd | None = Field(description="Null: no fresh price of its quote token.")
    curve_progress_bps: int | None = Field(description="0 … 10000.", examples=[10_000])
    virtual_base_reserves: str | None = Field(examples=["1073000000000000"])
    virtual_quote_reserves: str | None = Field(examples=["30000000000"])
    real_base_reserves: str | None = Field(examples=["793100000000000"])
    real_quote_reserves: str | None = Field(examples=["1000000000"])
    trades: int | None = Field(description="Null with as_of_slot, like other sums.", examples=[58])
    buys: int | None = Field(examples=[41])
    sells: int | None = Field(examples=[17])
    volume_base: str | None = Field(examples=["35765142847000"])
    volume_quote: str | None = Field(examples=["31000000000"])
    holders: int | None = Field(
        description="Wallets that hold it as far as trades tell: derived, transfers are not seen. "
        "Null with as_of_slot: see /holders.",
        examples=[24],
    )
    last_trade_at: int | None = Field(description="Unix seconds.", examples=[TIME + 60])
    completed_slot: int | None = Field(description="The curve was full here.", examples=[SLOT - 60])
    migrated_slot: int | None = Field(description="The liquidity moved here.", examples=[SLOT - 50])
    first_seq: int = Field(
        description="Position in the feed that first named it: age.", examples=[900]
    )
    seq: int = Field(
        description="Position in the feed of its newest change of state.", examples=[1042]
    )
    windows: dict[str, Window] | None = Field(
        description="1h and 24h, as of the last seconds, a day's of the last two minutes; /stats "
        "has them all and exact. A window without a trade is absent; null with as_of_slot and in "
        "a room's snapshot.",
        examples=[{"1h": _WINDOW, "24h": _WINDOW}],
    )

    @classmethod
    def of(cls, row: TokenView, usd_stale_s: int = 0) -> Token:
        """From its row; dollars by a price that is at most so old."""
        return cls.model_construct(**token_fields(row, usd_stale_s))


class TokenAnswer(Token):
    """One token, and the moment of the answer."""

    meta: Meta

    @classmethod
    def at(cls, row: TokenView, meta: Meta, usd_stale_s: int) -> TokenAnswer:
        """From its row."""
        return cls.model_construct(**token_fields(row, usd_stale_s), meta=meta)


class TokenPage(PageOf[Token]):
    """Tokens in the list's order."""


class TokenStats(Model):
    """Exact windows that end now."""

    mint: str = Field(examples=[MINT])
    windows: dict[str, Window] = Field(
        description="5m, 1h, 6h and 24h.",
        examples=[dict.fromkeys(("5m", "1h", "6h", "24h"), _WINDOW)],
    )
    meta: Meta


class Holder(Model):
    """A wallet that holds the token, as far as its trades tell."""

    wallet: str = Field(examples=[WALLET])
    base_amount: str = Field(examples=["35765142847000"])
    share_bps: int | None = Field(description="Of the supply.", examples=[357])
    is_creator: bool = Field(examples=[False])


class HolderPage(PageOf[Holder]):
    """Holders, the largest first. Derived from trades: transfers are not seen."""

    source: Literal["derived_from_trades"] = Field(
        "derived_from_trades", examples=["derived_from_trades"]
    )
    holders: int = Field(description="How many there are.", examples=[24])
    top10_bps: int | None = Field(
        description="Share of the supply that the ten largest hold.", examples=[2210]
    )


class Trader(Model):
    """A wallet's position in the token, in integers of quote units, by average cost."""

    wallet: str = Field(examples=[WALLET])
    base_amount: str = Field(description="Still held.", examples=["35765142847000"])
    cost_quote: str = Field(description="Of what is still held.", examples=["1000000000"])
    realized_quote: str = Field(examples=["250000000"])
    unrealized_quote: str | None = Field(
        description="At the token's last price, fees not taken off.", examples=["120000000"]
    )
    bought_quote: str = Field(examples=["2000000000"])
    sold_quote: str = Field(examples=["1250000000"])
    buys: int = Field(examples=[2])
    sells: int = Field(examples=[1])
    last_trade_at: int | None = Field(description="Unix seconds.", examples=[TIME])
    is_creator: bool = Field(examples=[False])


class TraderPage(PageOf[Trader]):
    """Traders in the order that was asked for."""


class FirstBuyer(Model):
    """One of a token's first purchases."""

    wallet: str | None = Field(examples=[WALLET])
    signature: str = Field(examples=[SIGNATURE])
    slot: int = Field(examples=[SLOT])
    base_amount: str = Field(examples=["35765142847000"])
    quote_amount: str = Field(examples=["1000000000"])
    is_creator: bool = Field(examples=[False])


class FirstBuyers(Model):
    """A token's first purchases, the earliest first."""

    mint: str = Field(examples=[MINT])
    items: list[FirstBuyer]
    meta: Meta


class AuthoritiesOfMint(Model):
    """Who may mint more of a token or freeze its accounts, as its mint's account said."""

    mint_authority: str | None = Field(description="Null: nobody, for ever.", examples=[WALLET])
    freeze_authority: str | None = Field(description="Null: nobody, for ever.", examples=[WALLET])
    slot: int = Field(description="Of the reading.", examples=[SLOT])


class Flag(Model):
    """A fact and what it rests on. Whether it is good or bad is the reader's to say."""

    flag: FlagName = Field(examples=["creator_sold"])
    evidence: dict[str, Any] = Field(examples=[{"wallet": WALLET, "sells": 1, "last_slot": SLOT}])


class FlagsAnswer(Model):
    """What is known of a token that a buyer may want to look at; empty: nothing of these."""

    mint: str = Field(examples=[MINT])
    items: list[Flag]
    authorities: AuthoritiesOfMint | None = Field(description="Null: not read yet.")
    meta: Meta


class Match(Token):
    """A token that was searched for, and by what it was found."""

    match: Literal["mint", "symbol", "name"] = Field(examples=["symbol"])


class MatchList(Model):
    """Tokens that match, best first."""

    items: list[Match]
    meta: Meta


def window_fields(row: WindowRow | ExactWindow) -> Any:
    """The fields of `Window`, in its place: see api/answers.py."""
    return {
        "volume_base": str(row.volume_base),
        "volume_quote": str(row.volume_quote),
        "buys": row.buys,
        "sells": row.sells,
        "buyers": row.buyers,
        "sellers": row.sellers,
        "price_change_bps": row.price_change_bps,
    }


def token_fields(row: TokenView, usd_stale_s: int) -> Any:
    """The fields of `Token`, in its place."""
    return {
        "mint": b58(row.mint),
        "program": row.program,
        "name": row.name,
        "symbol": row.symbol,
        "uri": row.uri,
        "image": f"/api/v1/tokens/{b58(row.mint)}/image" if row.has_image else None,
        "creator": key_text(row.creator),
        "pool": key_text(row.pool),
        "amm_pool": key_text(row.amm_pool),
        "quote_mint": key_text(row.quote_mint),
        "decimals": row.decimals,
        "quote_decimals": row.quote_decimals,
        "supply": number_text(row.supply),
        "flags": row.flags,
        "stage": _stage(row),
        "created_slot": row.created_slot,
        "created_at": row.created_at,
        "price": decimal_or_none(row.price),
        "market_cap": decimal_or_none(row.market_cap),
        "usd": _usd(row, usd_stale_s),
        "curve_progress_bps": row.progress_bps,
        "virtual_base_reserves": number_text(row.virtual_base),
        "virtual_quote_reserves": number_text(row.virtual_quote),
        "real_base_reserves": number_text(row.real_base),
        "real_quote_reserves": number_text(row.real_quote),
        "trades": row.trades,
        "buys": row.buys,
        "sells": row.sells,
        "volume_base": number_text(row.volume_base),
        "volume_quote": number_text(row.volume_quote),
        "holders": row.holders,
        "last_trade_at": row.last_trade_at,
        "completed_slot": row.completed_slot,
        "migrated_slot": row.migrated_slot,
        "first_seq": row.first_seq,
        "seq": max(row.state_seq, row.first_seq),
        "windows": row.windows
        and {name: window_fields(each) for name, each in row.windows.items()},
    }


def _stage(row: TokenView) -> Stage:
    if row.migrated_slot is not None:
        return "migrated"
    return "completed" if row.completed_slot is not None else "curve"


def _usd(row: TokenView, stale_s: int) -> dict[str, Any] | None:
    """The fields of `Usd`."""
    rate = row.rate
    if rate is None or row.price is None or rate.age_s > stale_s:
        return None
    cap = None if row.market_cap is None else decimal_text(row.market_cap * rate.price)
    return {
        "price": decimal_text(row.price * rate.price),
        "market_cap": cap,
        "source": rate.source,
        "slot": rate.slot,
        "age_s": rate.age_s,
    }
