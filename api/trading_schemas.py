"""What trading takes and answers with. Amounts are decimal strings of base units, as elsewhere."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from api.problems import Problem
from api.services.trading.desk import Built, Quoted
from programs.curve import price_text
from programs.keys import key_of

_MINT = "6QkFmUbyRSVCBPnJrNnGp9AaWLxhyLFXBgzzCQBBBrqL"
_WALLET = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"
EXAMPLE_SIGNATURE = (
    "5VERv8NMvzbJMEkV8xnrLkEaWRtSz9CosKDYjCJjBRnbJLgp8uirBgmQpjKhoR4tjF3ZpRzrFmBV6UjKdiSZkQUW"
)
_SOL_DECIMALS = 9
_MAX_U64 = 2**64 - 1
MAX_PRIORITY_LAMPORTS = 100_000_000
MAX_AIRDROP_LAMPORTS = 100 * 10**9


def _u64(text: str) -> str:
    if int(text) > _MAX_U64:
        raise ValueError("is above 18446744073709551615")
    return text


def _key(text: str) -> str:
    key_of(text)  # its ValueError says what is wrong
    return text


Amount = Annotated[str, Field(pattern=r"^[0-9]{1,20}$", examples=["1000000000"]),
                   AfterValidator(_u64)]  # fmt: skip
Key = Annotated[str, Field(min_length=32, max_length=44), AfterValidator(_key)]


class Asked(BaseModel):
    """Root of what comes in: a member nobody knows is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(BaseModel):
    """Root of what goes out."""

    model_config = ConfigDict(frozen=True)


class TradingProblem(Problem):
    """A problem with a code; `detail` is a sentence for the trader."""

    code: str = Field(examples=["curve_complete"])


class TradingStatus(Answer):
    """What can be done here."""

    is_enabled: bool = Field(description="Quotes are always given; transactions only if this is so")
    can_airdrop: bool = Field(description="There is a faucet: on the localnet.")
    chain: str = Field(examples=["solana:localnet"])
    programs: list[str] = Field(
        description="Launchpads whose tokens can be traded.", examples=[["pump"]]
    )


class QuoteAsked(Asked):
    """A trade to be. Exactly one amount: a purchase takes either, a sale `base_amount`."""

    mint: Key = Field(examples=[_MINT])
    side: Literal["buy", "sell"]
    quote_amount: Amount | None = Field(None, description="The most to spend, fees included.")
    base_amount: Amount | None = Field(
        None, description="Tokens to buy or sell.", examples=["35765142847"]
    )
    slippage_bps: int = Field(
        100, ge=0, le=5_000, description="How much worse the price may get before the trade."
    )
    wallet: Key | None = Field(None, description="Fills in `wallet_costs`.", examples=[_WALLET])

    @model_validator(mode="after")
    def _has_one_amount(self) -> Self:
        if (self.quote_amount is None) == (self.base_amount is None):
            raise ValueError("give exactly one of quote_amount and base_amount")
        if self.side == "sell" and self.base_amount is None:
            raise ValueError("a sale names its base_amount")
        return self


class TransactionAsked(QuoteAsked):
    """The trade to build, for `wallet` to sign. With the `base_amount` and `limit` of a quote, what
    is signed is what was seen."""

    wallet: Key = Field(examples=[_WALLET])
    limit: Amount | None = Field(
        None,
        description="The most to pay or the least to receive, instead of one by slippage.",
        examples=["1010000000"],
    )
    priority_fee: Amount = Field(
        "0", description="Lamports to add to be included sooner, at most.", examples=["10000"]
    )

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if int(self.priority_fee) > MAX_PRIORITY_LAMPORTS:
            raise ValueError(f"priority_fee is above {MAX_PRIORITY_LAMPORTS} lamports")
        return self


class SubmitAsked(Asked):
    """A signed transaction."""

    transaction: str = Field(
        description="Base64 of its wire bytes.", max_length=2_048, examples=["AeX…"]
    )


class AirdropAsked(Asked):
    """Play money."""

    wallet: Key = Field(examples=[_WALLET])
    lamports: Amount = Field("10000000000", description="At most 100 SOL.")

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if not 0 < int(self.lamports) <= MAX_AIRDROP_LAMPORTS:
            raise ValueError(f"lamports is not between 1 and {MAX_AIRDROP_LAMPORTS}")
        return self


class WalletCosts(Answer):
    """Lamports beside the trade itself."""

    network_fee: str = Field(examples=["5000"])
    token_account_rent: str | None = Field(
        description="To open the token account, until it is closed. Null: no wallet named.",
        examples=["2039280"],
    )
    creator_vault_rent: str = Field(
        description="Where the creator's first fee could not exist otherwise.", examples=["0"]
    )


class QuoteAnswer(Answer):
    """A trade, to the base unit, as long as nobody trades before it."""

    mint: str = Field(examples=[_MINT])
    program: str = Field(examples=["pump"])
    side: Literal["buy", "sell"]
    slot: int = Field(description="Of the state it was reckoned with.")
    base_amount: str = Field(description="Tokens that move: exact.", examples=["34612903225806"])
    quote_amount: str = Field(
        description="What moves the curve, before fees.", examples=["987654320"]
    )
    fees: dict[str, str] = Field(examples=[{"protocol": "9382717", "creator": "2962963"}])
    user_quote_amount: str = Field(
        description="What is paid or received, with fees.", examples=["1000000000"]
    )
    slippage_bps: int
    limit: str = Field(
        description="The most that is paid or the least that is received at that slippage.",
        examples=["1010000000"],
    )
    minimum_received: str = Field(
        description="Tokens of a purchase (exact), quote units of a sale (`limit`).",
        examples=["34612903225806"],
    )
    price_before: str | None = Field(examples=["0.0000000279589996"])
    price_after: str | None = Field(examples=["0.0000000298335129"])
    price: str | None = Field(description="The trade's own, without fees.")
    price_impact_bps: int = Field(
        description="How much worse than `price_before` its price is; rounded up.", examples=[330]
    )
    is_capped: bool = Field(description="More was asked for than the curve has: this is all.")
    completes_curve: bool
    wallet_costs: WalletCosts
    wallet_change: str | None = Field(
        description="Lamports the wallet gains, all told; negative: loses. Null: no wallet named.",
        examples=["-1002044280"],
    )

    @classmethod
    def of(cls, quoted: Quoted, slippage_bps: int, limit: int) -> QuoteAnswer:
        """From the desk's."""
        quote, costs = quoted.quote, quoted.costs
        rent = costs.token_account_rent
        return cls(
            mint=str(quoted.mint),
            program=quoted.launchpad.name,
            side="buy" if quote.is_buy else "sell",
            slot=quoted.slot,
            base_amount=str(quote.base_amount),
            quote_amount=str(quote.quote_amount),
            fees={name: str(amount) for name, amount in quote.fees.items()},
            user_quote_amount=str(quote.user_quote_amount),
            slippage_bps=slippage_bps,
            limit=str(limit),
            minimum_received=str(quote.base_amount if quote.is_buy else limit),
            price_before=_price(*quote.before, quoted),
            price_after=_price(*quote.after, quoted),
            price=_price(quote.quote_amount, quote.base_amount, quoted),
            price_impact_bps=quote.impact_bps,
            is_capped=quote.is_capped,
            completes_curve=quote.completes_curve,
            wallet_costs=WalletCosts(
                network_fee=str(costs.network_fee),
                token_account_rent=None if rent is None else str(rent),
                creator_vault_rent=str(costs.vault_rent),
            ),
            wallet_change=None if quoted.holder is None else str(quoted.wallet_change),
        )


def _price(quote: int, base: int, quoted: Quoted) -> str | None:
    return price_text(quote, base, _SOL_DECIMALS, quoted.market.decimals)


class SimulationAnswer(Answer):
    """What the node says the transaction does, run on its newest state."""

    slot: int
    wallet_change: str = Field(description="Lamports.", examples=["-1002044280"])
    base_change: str = Field(description="Token units.", examples=["34612903225806"])


class TransactionAnswer(Answer):
    """To sign, and what it does."""

    transaction: str = Field(
        description="Unsigned v0 transaction in base64; signatures are zeros.", examples=["AQAA…"]
    )
    blockhash: str = Field(examples=["EkSnNWid2cvwEVnVx9aBqawnmiCNiDgp3gUdkDPTKN1N"])
    last_valid_block_height: int
    compute_units: int
    quote: QuoteAnswer
    simulation: SimulationAnswer

    @classmethod
    def of(cls, built: Built, slippage_bps: int) -> TransactionAnswer:
        """From the desk's."""
        return cls(
            transaction=built.transaction,
            blockhash=built.blockhash,
            last_valid_block_height=built.last_valid_block_height,
            compute_units=built.units,
            quote=QuoteAnswer.of(built.quoted, slippage_bps, built.limit),
            simulation=SimulationAnswer(
                slot=built.simulated_slot,
                wallet_change=str(built.wallet_change),
                base_change=str(built.base_change),
            ),
        )


class Submitted(Answer):
    """Handed to the node. The trade comes back through the feed, with this signature."""

    signature: str = Field(examples=[EXAMPLE_SIGNATURE])
    status: Literal["sent"] = "sent"
    status_url: str


class WhyFailed(Answer):
    """Why the chain refused it."""

    code: str = Field(examples=["slippage_exceeded"])
    detail: str


class StatusAnswer(Answer):
    """Where a transaction stands."""

    signature: str = Field(examples=[EXAMPLE_SIGNATURE])
    status: Literal["unknown", "processed", "confirmed", "finalized", "failed", "expired"] = Field(
        description="unknown: not landed (yet). expired: it never will. failed: landed without "
        "effect, but for its fee."
    )
    slot: int | None
    error: WhyFailed | None


class BalanceAnswer(Answer):
    """What a wallet has, at the newest slot."""

    wallet: str = Field(examples=[_WALLET])
    lamports: str = Field(examples=["9997955720"])
    mint: str | None
    base_amount: str | None = Field(description="Null: no mint was named.")
    has_token_account: bool | None
    slot: int


class Airdropped(Answer):
    """On its way from the faucet."""

    signature: str = Field(examples=[EXAMPLE_SIGNATURE])
    lamports: str
