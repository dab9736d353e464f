"""What REST answers with and snapshots hold: one model each, with the names of the feed's events.

Amounts and other integers that may pass 2^53 are decimal strings of base units; prices are decimal
strings of quote per base in whole tokens; keys and signatures are base58.
"""

from api.schemas.base import Meta, Model, PageOf
from api.schemas.candles import Candle, CandlePage
from api.schemas.rooms import RoomAnswer, RoomData
from api.schemas.tokens import Token, TokenAnswer, TokenPage
from api.schemas.trades import Trade, TradePage
from api.schemas.wallets import WalletPosition

__all__ = [
    "Candle",
    "CandlePage",
    "Meta",
    "Model",
    "PageOf",
    "RoomAnswer",
    "RoomData",
    "Token",
    "TokenAnswer",
    "TokenPage",
    "Trade",
    "TradePage",
    "WalletPosition",
]
