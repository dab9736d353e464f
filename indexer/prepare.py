"""Folding a batch before its turn to be stored has come: on what is stored and what the batches
before it, still on their way, will have stored (db.kept). Writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from db import keys, tables, writes
from db.coverage import Marking
from db.kept import Kept
from db.keys import Ids
from db.pool import Connection
from db.quarantine import Landing
from db.rows import CandleKey, Changes, Identity, KeyRow, PoolRow, QuarantineRow, State, TokenRow
from db.writer import Writer
from indexer.fold import fold
from indexer.seen import Keys, Seen, keys_of, late_positions
from indexer.updates import Update
from programs.events import Created, Traded

_NUMBERS_AT_ONCE = 500


class Batch(msgspec.Struct):
    """What one transaction of the database is to store."""

    events: list[Seen] = []
    quarantine: list[QuarantineRow] = []
    pools: list[PoolRow] = []
    markings: list[Marking] = []
    """Looks at the node that vouch for everything up to this batch, oldest first."""
    deferred: list[Update] = []
    """Not to be stored: they need their transactions first."""
    released: list[Landing] = []
    """Taken out of quarantine: what still fails of them is in `quarantine` again."""
    usd_fresh_s: int = 60
    """How far from a trade a reading of its quote token's price may be."""


class Prepared(msgspec.Struct, eq=False):
    """A batch, ready to be written."""

    changes: Changes
    encoded: tables.Encoded | None
    """None: nothing is to be written."""
    first_seq: int
    withdrawn: list[Identity]
    """Stored events that had been withdrawn and come again: their old rows make room."""


class Found(msgspec.Struct):
    """What of a batch is new, and everything that is stored of what it touches."""

    events: list[Seen]
    withdrawn: list[Identity]
    ids: Ids
    new_keys: list[KeyRow]
    wanted: Keys
    state: State


async def ahead(writer: Writer, batch: Batch, commitment: str) -> Prepared | None:
    """The batch folded while others are being stored; None: it has to wait for its turn.

    Raises DatabaseUnavailable.
    """
    kept = writer.kept
    if not writer.has_lease:
        return None
    async with kept.lock, writer.reading() as connection:
        generation = kept.generation
        if kept.is_lost or not writer.has_lease:
            return None
        found = await find(connection, kept, batch)
        if found.state.past and (kept.pending or kept.is_storing):
            return None  # of those trades some may not be there yet
        first_seq = kept.next_seq
        if first_seq is None:
            if kept.is_storing:
                return None
            first_seq = await writes.head_seq(connection) + 1
        if kept.generation != generation:
            return None
        return folded(kept, batch, found, first_seq, commitment)


async def in_turn(
    writer: Writer, connection: Connection, batch: Batch, commitment: str
) -> Prepared:
    """The batch folded inside its transaction, which has the feed's head locked from here on."""
    kept = writer.kept
    async with kept.lock:
        if kept.pending:  # folded too early, as it turns out
            kept.forget()
            kept.is_lost = False
        found = await find(connection, kept, batch)
        first_seq = 0
        if found.events:
            first_seq = await writes.take_seqs(connection, len(found.events))
        return folded(kept, batch, found, first_seq, commitment)


def folded(kept: Kept, batch: Batch, found: Found, first_seq: int, commitment: str) -> Prepared:
    """Fold, remember and encode. Never interrupted by another task."""
    changes = Changes()
    try:
        if found.events:
            changes = fold(found.state, found.events, first_seq, commitment)
        changes.pools, changes.quarantine = batch.pools, batch.quarantine
        changes.keys = found.new_keys
        is_empty = changes == Changes()
        encoded = None if is_empty else tables.encoded(changes, found.ids)
    except BaseException:  # what is kept may be half folded
        kept.forget()
        raise
    prepared = Prepared(changes, encoded, first_seq, found.withdrawn)
    _keep(kept, found)
    if found.events:
        kept.next_seq = first_seq + len(found.events)
    kept.pending.append(prepared)
    return prepared


def _keep(kept: Kept, found: Found) -> None:
    state = found.state
    kept.tokens.update(state.tokens)
    kept.positions.update(state.positions)
    kept.candles.update(state.candles)
    kept.ids.update(found.ids.keys)
    kept.recent.append({seen.identity for seen in found.events})


async def find(connection: Connection, kept: Kept, batch: Batch) -> Found:
    """Read what is not kept."""
    kept.rotate()
    events, withdrawn = await _new(connection, kept, batch.events)
    wanted = keys_of(events)
    found = Found(events, withdrawn, Ids(), [], wanted, State())
    if not events:
        return found
    await _number(connection, kept, found)
    await _load(connection, kept, found)
    state = found.state
    state.past = await writes.load_past(connection, late_positions(events, state))
    quotes = {row.quote_mint for row in state.tokens.values()} | {one.quote_mint for one in events}
    state.quote_prices = await writes.load_quote_prices(
        connection,
        {quote for quote in quotes if quote is not None},
        [one.block_time for one in events if one.block_time is not None],
        batch.usd_fresh_s,
    )
    return found


async def _new(
    connection: Connection, kept: Kept, events: Sequence[Seen]
) -> tuple[list[Seen], list[Identity]]:
    """Events that are not stored, each once, by slot (a batch by itself is never out of order), and
    those of them that once were.
    """
    if not events:
        return [], []
    recent = set[Identity]().union(*kept.recent)
    trades = {(seen.signature, seen.slot) for seen in events if isinstance(seen.event, Traded)}
    others = {(seen.signature, seen.slot) for seen in events if not isinstance(seen.event, Traded)}
    known = await writes.known(connection, trades, others)
    new: dict[Identity, Seen] = {}
    for seen in events:
        identity = seen.identity
        if not known.get(identity) and identity not in recent:
            new.setdefault(identity, seen)
    withdrawn = [identity for identity in new if identity in known]
    return sorted(new.values(), key=lambda seen: seen.slot), withdrawn


async def _number(connection: Connection, kept: Kept, found: Found) -> None:
    """Numbers of all that storing the events needs numbers for."""
    named, programs, fees = _names(found.events)
    names = kept.names
    if not (programs <= names.programs.keys() and fees <= names.fee_names.keys()):
        known = await keys.intern(connection, (), programs, fees)
        names.programs.update(known.programs)
        names.fee_names.update(known.fee_names)
    of = kept.ids.found(named)
    if unknown := named - of.keys():
        of.update(await keys.ids_of(connection, unknown))
    new = named - of.keys()
    if len(kept.numbers) < len(new):
        kept.numbers += await keys.numbers(connection, len(new) + _NUMBERS_AT_ONCE)
    found.new_keys = [KeyRow(kept.numbers.pop(), key) for key in new]
    of.update((row.key, row.id) for row in found.new_keys)
    found.ids = Ids(of, names.programs, names.fee_names)


def _names(events: Sequence[Seen]) -> tuple[set[bytes], set[str], set[str]]:
    """Keys, launchpads and lists of fees."""
    named: set[bytes | None] = set()
    for seen in events:
        named.update((seen.mint, seen.quote_mint, seen.event.wallet, seen.event.pool))
        if isinstance(seen.event, Created):
            named.add(seen.event.creator)
    fees = {",".join(seen.event.fees) for seen in events if isinstance(seen.event, Traded)}
    programs = {seen.event.program for seen in events}
    return {key for key in named if key is not None}, programs, fees - {""}


async def _load(connection: Connection, kept: Kept, found: Found) -> None:
    """Tokens, positions and bars. What has a new number cannot be stored yet."""
    state, wanted, ids = found.state, found.wanted, found.ids
    new = {row.key for row in found.new_keys}
    state.tokens = kept.tokens.found(wanted.mints)
    if unread := wanted.mints - state.tokens.keys() - new:
        read = await writes.load_tokens(connection, unread)
        state.tokens.update((row.mint, row) for row in read)
    await _number_quotes(connection, kept, found)
    state.positions = kept.positions.found(wanted.positions)
    positions = {
        key
        for key in wanted.positions - state.positions.keys()
        if key[0] not in new and key[1] in state.tokens
    }
    state.positions.update(await writes.load_positions(connection, ids, positions))
    state.candles = kept.candles.found(wanted.candles)
    candles = {
        key
        for key in wanted.candles - state.candles.keys()
        if _may_be_stored(state.tokens.get(key[0]), key)
    }
    state.candles.update(await writes.load_candles(connection, ids, candles))


async def _number_quotes(connection: Connection, kept: Kept, found: Found) -> None:
    quotes = {row.quote_mint for row in found.state.tokens.values() if row.quote_mint is not None}
    if unknown := quotes - found.ids.keys.keys():
        of = kept.ids.found(unknown)
        if missing := unknown - of.keys():
            of.update(await keys.ids_of(connection, missing))
        found.ids.keys.update(of)


def _may_be_stored(token: TokenRow | None, bar: CandleKey) -> bool:
    """No bar with trades begins after its token's last trade. One that lost all of them may: what
    is written over it gets a greater `rev` all the same.
    """
    if token is None or token.last_trade_at is None:
        return False
    return bar[2] <= token.last_trade_at
