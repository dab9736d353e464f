"""A room's state as JSON, with its position."""

from __future__ import annotations

from api.schemas import RoomData, Token, Trade, WalletPosition
from api.services.protocol import RoomName
from api.services.snapshots import RoomSnapshot
from db.pool import Pool
from db.reads.rooms import Snapshot, snapshot


async def read_room(pool: Pool, name: RoomName) -> RoomSnapshot:
    """Read it as of one moment. Raises db.feed.OUTAGE errors."""
    found = await snapshot(pool, name.scope)
    data = _data(name, found).model_dump_json(exclude_unset=True)
    return RoomSnapshot(found.top, found.seq, data.encode())


def _data(name: RoomName, found: Snapshot) -> RoomData:
    trades = [Trade.of(row) for row in found.trades]
    if name.kind == "token":
        token = Token.of(found.tokens[0]) if found.tokens else None
        return RoomData(token=token, trades=trades)
    if name.kind == "user":
        positions = [WalletPosition.of(row) for row in found.positions]
        return RoomData(positions=positions, trades=trades)
    return RoomData(tokens=[Token.of(row) for row in found.tokens], trades=trades)
