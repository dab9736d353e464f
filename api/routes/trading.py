"""Trading: quotes, unsigned transactions and their relay. docs/trading.md in code."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from fastapi.responses import JSONResponse
from solders.pubkey import Pubkey

from api.dependencies import WalletOf
from api.problems import MEDIA_TYPE, responses
from api.services.auth.errors import SignInRefused
from api.services.auth.rates import Attempts, address_key
from api.services.trading.desk import TOKEN_BYTES, Terms, TradingDesk, held_amount
from api.services.trading.node import ChainNode, RpcFailure
from api.services.trading.relay import standing, submit
from api.trading_schemas import (
    EXAMPLE_SIGNATURE,
    AirdropAsked,
    Airdropped,
    BalanceAnswer,
    Key,
    QuoteAnswer,
    QuoteAsked,
    StatusAnswer,
    SubmitAsked,
    Submitted,
    TradingProblem,
    TradingStatus,
    TransactionAnswer,
    TransactionAsked,
    WhyFailed,
)
from common.errors import TradeRefused
from common.settings import Settings
from programs.keys import signature_of
from programs.pump_instructions import token_account
from programs.trading import Order

log = structlog.get_logger()

PATH = "/api/v1/trading"
AIRDROPS_PER_MINUTE = 10
_STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "transaction_invalid": 400,
        "trading_disabled": 403,
        "airdrop_disabled": 403,
        "unknown_token": 404,
        "rate_limited": 429,
        "node_unavailable": 503,
    }
)
"""Everything else is a conflict with the chain's state: 409."""


class Trading:
    """What the routes share: the desk, what is switched on, and who asks how often."""

    def __init__(self, desk: TradingDesk, settings: Settings) -> None:
        self.desk = desk
        self.chain = settings.auth_chain_id
        self.is_playground = self.chain == "solana:localnet"
        is_enabled = settings.trading_enabled
        self.is_enabled = self.is_playground if is_enabled is None else is_enabled
        self._requests = Attempts(settings.trading_requests_per_minute)
        self._airdrops = Attempts(AIRDROPS_PER_MINUTE)

    def count(self, address: str) -> None:
        """One more request. Raises TradeRefused (rate_limited)."""
        _take(self._requests, address)

    def count_airdrop(self, wallet: str) -> None:
        """One more airdrop. Raises TradeRefused (rate_limited)."""
        _take(self._airdrops, wallet)

    def require_enabled(self) -> None:
        """Raises TradeRefused (trading_disabled)."""
        if not self.is_enabled:
            raise TradeRefused(
                "trading_disabled", "trading is switched off here",
                hint="Whoever runs this server sets TRADING_ENABLED=true",
            )  # fmt: skip


def _take(attempts: Attempts, key: str) -> None:
    try:
        attempts.take(key, time.monotonic())
    except SignInRefused as refused:
        raise TradeRefused(
            "rate_limited", "too many requests in a minute",
            hint="Wait as long as Retry-After says", retry_after_s=refused.retry_after_s,
        ) from None  # fmt: skip


async def trading_of(request: Request) -> Trading:
    """The application's; counts the request."""
    found: Trading = request.app.state.trading
    found.count(address_key(request.client.host if request.client is not None else None))
    return found


TradingOf = Annotated[Trading, Depends(trading_of)]


async def on_refused(_: Request, error: Exception) -> JSONResponse:
    """A refused trade as a problem with a code."""
    assert isinstance(error, TradeRefused)  # noqa: S101 - registered for it alone
    status = HTTPStatus(_STATUSES.get(error.code, 409))
    body = TradingProblem(
        title=status.phrase, status=status, detail=error.message, hint=error.hint, code=error.code
    )
    wait_s = error.fields.get("retry_after_s")
    headers = {"Retry-After": str(math.ceil(wait_s))} if isinstance(wait_s, float) else None
    return JSONResponse(body.model_dump(), status, headers, media_type=MEDIA_TYPE)


async def _on_failure(request: Request, error: Exception) -> JSONResponse:
    """A call that the node refuses and that no trader is to blame for."""
    log.warning("trading_call_failed", path=request.url.path, error=str(error))
    return await on_refused(
        request, TradeRefused("node_unavailable", "the node does not answer what it is asked")
    )


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/TradingProblem"}
    return {
        status: {
            "model": TradingProblem,
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in (*statuses, 429, 503)
    } | responses(400, 422)  # also of what no code of ours has looked at


@contextlib.asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    async with app.state.trading.desk:
        yield


router = APIRouter(prefix=PATH, tags=["trading"], lifespan=_running)


@router.get("", summary="What can be traded here", responses=_problems())
async def status(trading: TradingOf) -> TradingStatus:
    """Whether transactions are built and relayed, and for which launchpads."""
    return TradingStatus(
        is_enabled=trading.is_enabled,
        can_airdrop=trading.is_playground,
        chain=trading.chain,
        programs=[launchpad.name for launchpad in trading.desk.launchpads],
    )


@router.post("/quote", summary="What a trade would do", responses=_problems(404, 409))
async def quote(trading: TradingOf, body: QuoteAsked) -> QuoteAnswer:
    """Exact integers, reckoned with the chain's newest state. With `wallet` also what it costs that
    wallet beside the trade."""
    wallet = None if body.wallet is None else Pubkey.from_string(body.wallet)
    quoted = await trading.desk.quote(Pubkey.from_string(body.mint), _order(body), wallet)
    return QuoteAnswer.of(quoted, body.slippage_bps, quoted.quote.limit(body.slippage_bps))


@router.post("/transaction", summary="A trade to sign", responses=_problems(403, 404, 409))
async def transaction(trading: TradingOf, body: TransactionAsked) -> TransactionAnswer:
    """An unsigned v0 transaction, already simulated: what the chain would refuse is refused here,
    with the reason. Opens the token account where that is needed."""
    trading.require_enabled()
    limit = None if body.limit is None else int(body.limit)
    terms = Terms(body.slippage_bps, limit, int(body.priority_fee))
    mint, wallet = Pubkey.from_string(body.mint), Pubkey.from_string(body.wallet)
    built = await trading.desk.transaction(mint, _order(body), wallet, terms)
    return TransactionAnswer.of(built, body.slippage_bps)


def _order(body: QuoteAsked) -> Order:
    base = None if body.base_amount is None else int(body.base_amount)
    quoted = None if body.quote_amount is None else int(body.quote_amount)
    return Order(body.side == "buy", base, quoted)


@router.post(
    "/submit", summary="Relay a signed trade", status_code=202,
    responses=_problems(403, 409),
)  # fmt: skip
async def relay(trading: TradingOf, body: SubmitAsked) -> Submitted:
    """Checked by us (signatures, and that it trades) and by the node, then handed in. The same
    transaction again gets the same answer."""
    trading.require_enabled()
    signature = await submit(trading.desk, body.transaction)
    return Submitted(signature=signature, status_url=f"{PATH}/status/{signature}")


@router.get("/status/{signature}", summary="Where a transaction stands", responses=_problems())
async def where(
    trading: TradingOf,
    signature: Annotated[str, Path(max_length=88, examples=[EXAMPLE_SIGNATURE])],
    last_valid_block_height: Annotated[
        int | None,
        Query(ge=0, le=2**63 - 1, description="As /transaction gave it: tells expired from late."),
    ] = None,
) -> StatusAnswer:
    """By the node's word. Ask again each second until it is confirmed, failed or expired."""
    try:
        signature_of(signature)
    except ValueError:
        raise TradeRefused("transaction_invalid", "that is not a signature") from None
    found = await standing(trading.desk, signature, last_valid_block_height)
    why = found.refused
    error = None if why is None else WhyFailed(code=why.code, detail=why.message)
    return StatusAnswer.model_validate(
        {"signature": signature, "status": found.status, "slot": found.slot, "error": error}
    )


@router.get("/balance/{wallet}", summary="What a wallet has", responses=_problems())
async def balance(
    trading: TradingOf,
    wallet: WalletOf,
    mint: Annotated[Key | None, Query(description="Also its amount of this token.")] = None,
) -> BalanceAnswer:
    """At the newest slot, before it is confirmed."""
    address = Pubkey(wallet)
    keys = [address]
    if mint is not None:
        token = Pubkey.from_string(mint)
        keys += [token_account(address, token, program) for program in TOKEN_BYTES]
    slot, accounts = await trading.desk.node.accounts(keys)
    owner = accounts[address]
    amounts = [held_amount(accounts[key]) for key in keys[1:]]
    held = next((amount for amount in amounts if amount is not None), None)
    return BalanceAnswer(
        wallet=str(address),
        lamports=str(0 if owner is None else owner.lamports),
        mint=mint,
        base_amount=None if mint is None else str(held or 0),
        has_token_account=None if mint is None else held is not None,
        slot=slot,
    )


@router.post(
    "/airdrop", summary="Play money, on the localnet", status_code=202, responses=_problems(403)
)
async def airdrop(trading: TradingOf, body: AirdropAsked) -> Airdropped:
    """From the localnet's faucet; a live cluster has none."""
    if not trading.is_playground:
        raise TradeRefused("airdrop_disabled", "there is play money on the localnet alone")
    trading.count_airdrop(body.wallet)
    try:
        signature = await trading.desk.node.airdrop(body.wallet, int(body.lamports))
    except RpcFailure as failure:
        raise TradeRefused("airdrop_disabled", f"the node says: {failure.message}") from None
    return Airdropped(signature=signature, lamports=body.lamports)


def add_trading(app: FastAPI, settings: Settings) -> None:
    """The routes, and a desk at the settings' endpoints for as long as `app` runs."""
    desk = TradingDesk(ChainNode([rpc_url for rpc_url, _ in settings.endpoints]))
    app.state.trading = Trading(desk, settings)
    app.add_exception_handler(TradeRefused, on_refused)
    app.add_exception_handler(RpcFailure, _on_failure)
    app.include_router(router)
