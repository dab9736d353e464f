"""What a WebSocket room's snapshot holds."""

from __future__ import annotations

from pydantic import Field

from api.schemas.base import MINT, Model
from api.schemas.tokens import Token
from api.schemas.trades import Trade
from api.schemas.wallets import WalletPosition


class RoomData(Model):
    """What a snapshot holds: `token` and its trades for token_{mint}; positions and trades for
    user_{wallet}; the newest tokens and trades for global."""

    token: Token | None = None
    tokens: list[Token] | None = None
    positions: list[WalletPosition] | None = None
    trades: list[Trade]


class RoomAnswer(Model):
    """A room's state; pass `epoch` and `seq` as `since` to go on from it without a gap."""

    room: str = Field(examples=[f"token_{MINT}"])
    epoch: str
    seq: int
    data: RoomData
