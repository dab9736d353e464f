"""The feed on NATS: what its messages say, under which subjects, and how one connects.

Every row is one message, whose subject names its token and its wallet: a hub gets those of its
rooms alone. A batch of them is followed by its index, which says of each row what it is about and
leaves out what it says. Hubs read every index, so they know of every row and can tell that one is
missing; of most they never get more. Why so: docs/decisions/0010.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoServersError

from common.errors import SettingsError
from db.feed import FeedRow, Scope
from programs.keys import b58

NATS_OUTAGE = (NatsError, OSError, TimeoutError)
"""What a server that is away, restarting or refusing looks like: try again."""

BEAT_S = 0.5
"""How often a relay says where it stands while there is nothing to relay."""
_DEFAULT_NAME = "curvefeed"
_NOBODY = "-"
_CONNECT_TIMEOUT_S = 2
_PING_S = 5


class Place(msgspec.Struct, frozen=True):
    """Servers, and the name of the stream there, with which every subject begins."""

    servers: tuple[str, ...]
    name: str

    @property
    def index(self) -> str:
        """Subject of indexes."""
        return f"{self.name}.index"

    @property
    def beat(self) -> str:
        """Subject of indexes of nothing: a sign of life, which the stream doesn't keep."""
        return f"{self.name}.beat"

    @property
    def rows(self) -> str:
        """Subject of all rows."""
        return f"{self.name}.row.>"

    def row(self, row: FeedRow) -> str:
        """Subject of one row."""
        mint = _NOBODY if row.mint is None else b58(row.mint)
        wallet = _NOBODY if row.wallet is None else b58(row.wallet)
        return f"{self.name}.row.{mint}.{wallet}"

    def scope(self, scope: Scope) -> str:
        """Subject of one room's rows."""
        if scope.mint is not None:
            return f"{self.name}.row.{b58(scope.mint)}.*"
        if scope.wallet is not None:
            return f"{self.name}.row.*.{b58(scope.wallet)}"
        return self.rows


def place_of(url: str) -> Place:
    """nats://host:4222[,nats://…][/stream]; a user and password or a token may stand before @.

    Raises SettingsError.
    """
    parts = [urlsplit(part.strip()) for part in url.split(",")]
    names = [part.path.strip("/") for part in parts if part.path.strip("/")]
    name = names[-1] if names else _DEFAULT_NAME
    is_good = all(part.scheme in ("nats", "tls") and part.hostname for part in parts)
    if not is_good or not name.replace("_", "").replace("-", "").isalnum():
        raise SettingsError(
            "FEED_URL is wrong", hint="It looks like nats://127.0.0.1:4222 or nats://host/stream"
        )
    return Place(tuple(f"{part.scheme}://{part.netloc}" for part in parts), name)


class RowMessage(msgspec.Struct, frozen=True, array_like=True):
    """One row, whole."""

    epoch: str
    row: FeedRow


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a row is about."""

    event: str
    mint: bytes | None
    wallet: bytes | None
    ts: int


class Index(msgspec.Struct, frozen=True, array_like=True):
    """The rows from `first` on, one entry each, without a hole; a beat has none."""

    epoch: str
    first: int
    entries: list[Entry]

    @property
    def last(self) -> int:
        """Everything up to this seq was published."""
        return self.first + len(self.entries) - 1


def index_of(epoch: str, rows: list[FeedRow]) -> Index:
    """The index of contiguous rows."""
    entries = [Entry(row.event, row.mint, row.wallet, row.ts) for row in rows]
    return Index(epoch, rows[0].seq, entries)


def stub_of(seq: int, entry: Entry) -> FeedRow:
    """The row without its contents: see FeedRow.is_whole."""
    return FeedRow(seq, entry.event, entry.mint, entry.wallet, None, "", None, None, entry.ts)


async def connect(place: Place, on_closed: Callable[[], Awaitable[None]]) -> Client:
    """A connection to the first server that answers; when it is lost it is over, and `on_closed`
    is called: who uses it begins anew, and knows from where. Raises NATS_OUTAGE errors.
    """
    failure: Exception = NoServersError()
    for server in place.servers:
        client = Client()
        try:
            await client.connect(
                server, name="curvefeed", allow_reconnect=False, closed_cb=on_closed,
                error_cb=_unheard, connect_timeout=_CONNECT_TIMEOUT_S, ping_interval=_PING_S,
                max_outstanding_pings=2,
            )  # fmt: skip
        except NATS_OUTAGE as error:
            failure = error
            await close(client)
        except BaseException:
            await close(client)
            raise
        else:
            return client
    raise failure


async def close(client: Client) -> None:
    """Close it, whatever state it is in."""
    if not client.is_closed:
        with suppress(*NATS_OUTAGE):
            await client.close()


async def _unheard(error: Exception) -> None:
    """The library would log it; whoever uses the connection hears of it by `on_closed`."""
