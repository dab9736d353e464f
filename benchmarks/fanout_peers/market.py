"""A made-up market: tokens of which few are busy, trades, and clients who watch the busy ones."""

from __future__ import annotations

import itertools
import random

import msgspec

from common.messages import NewTrade, PriceUpdate
from db.publish import Publication
from programs.keys import b58, signature_b58

_WSOL = "So11111111111111111111111111111111111111112"
TRADE_BYTES_AT_LEAST = 700
"""A `new_trade` on the wire is longer than this, a `price_update` shorter."""


class Market:
    """Seeded. A token's share of trades, and of watchers, is that of Zipf's law with exponent 1."""

    def __init__(self, tokens: int, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._mints = [self._random.randbytes(32) for _ in range(tokens)]
        self._wallets = [self._random.randbytes(32) for _ in range(tokens)]
        shares = [1 / rank for rank in range(1, tokens + 1)]
        self._cumulated = list(itertools.accumulate(shares))
        self._slot = 1_000

    def _mint(self) -> bytes:
        return self._random.choices(self._mints, cum_weights=self._cumulated)[0]

    def rooms(self, count: int) -> list[str]:
        """Different rooms of tokens, busy ones more likely."""
        names: dict[str, None] = {}
        while len(names) < count:
            names[f"token_{b58(self._mint())}"] = None
        return list(names)

    def paths(self, clients: int, rooms: int) -> list[str]:
        """What each client asks the server for."""
        base = "/api/v1/websocket/ws?room="
        return [base + "&room=".join(self.rooms(rooms)) for _ in range(clients)]

    def trade(self) -> Publication:
        """One trade as the indexer would put it into the feed."""
        mint, wallet = self._mint(), self._random.choice(self._wallets)
        price = f"0.0000000{self._random.randrange(10**8, 10**9)}"
        cap = f"{self._random.uniform(10, 900):.9f}"
        progress = self._random.randrange(10_000)
        self._slot += 1
        data = NewTrade(
            signature=signature_b58(self._random.randbytes(64)), ordinal=0, slot=self._slot,
            commitment="confirmed", program="pump", side="buy", mint=b58(mint),
            wallet=b58(wallet), pool=b58(mint), quote_mint=_WSOL,
            base_amount=str(self._random.randrange(10**12)),
            quote_amount=str(self._random.randrange(10**9)),
            user_quote_amount=str(self._random.randrange(10**9)), fees={"protocol": "9500"},
            price=price, market_cap=cap, curve_progress_bps=progress,
            virtual_base_reserves="1072999999000000", virtual_quote_reserves="30000000041",
            real_base_reserves="793099999000000", real_quote_reserves="41",
            block_time=1_795_347_000,
        )  # fmt: skip
        state = PriceUpdate(
            mint=b58(mint), price=price, market_cap=cap, curve_progress_bps=progress
        )
        return Publication(
            event="new_trade", mint=mint, wallet=wallet, slot=self._slot,
            data=msgspec.json.encode(data).decode(),
            price_update=msgspec.json.encode(state).decode(),
        )  # fmt: skip
