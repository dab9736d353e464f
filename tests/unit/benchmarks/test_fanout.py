"""The parts of the fan-out benchmarks that decide what is compared with what."""

from __future__ import annotations

from pathlib import Path

import msgspec

from api.services.outbound import Frame
from api.services.protocol import parse_room
from api.services.rooms import RowFrames
from benchmarks.connections import statements
from benchmarks.fanout import OURS, figures
from benchmarks.fanout_peers.hub_app import WALLET, mint_of, room_name
from benchmarks.fanout_peers.market import TRADE_BYTES_AT_LEAST, Market
from benchmarks.fanout_peers.peers import EVENT_BYTES, event, hub_line
from benchmarks.fanout_peers.rooms import draw
from db.feed import FeedRow


def frame_of(line: str, room: int, seq: int) -> Frame:
    """What the hub makes of a line of the generator."""
    row = FeedRow(
        seq, "new_trade", mint_of(room), WALLET, 1, line[4:], None, None, 1_795_347_000_456
    )
    frame = RowFrames(parse_room(room_name(room)), row, seq - 1).log
    assert frame is not None
    return frame


def test_all_send_the_same_size() -> None:
    """A client of the hub gets as many bytes of JSON per event as a client of any peer."""
    assert len(event()) == EVENT_BYTES
    for room in (0, 7, 199):
        payload = frame_of(hub_line(room), room, 5_000).payload
        assert abs(len(payload) - EVENT_BYTES) <= 2  # its base58 name may be a letter shorter
        assert msgspec.json.decode(payload)["room"] == room_name(room)


def test_medians_are_compared() -> None:
    """A figure is our median over a peer's; one slow round on a busy machine changes nothing."""
    samples = {OURS: [10.0, 30.0, 1.0], "c_write": [20.0, 0.1, 20.0]}
    (figure,) = figures("fanout_single_200", "frames/s/core", samples)
    assert (figure.value, figure.peer_value, figure.ratio) == (10.0, 20.0, 0.5)


def test_less_can_be_better() -> None:
    """Of latencies the smaller is ahead."""
    samples = {OURS: [10.0], "nats_ws": [20.0]}
    (figure,) = figures("fanout_p99_1000", "ms", samples, higher_is_better=False)
    assert figure.ratio == 2.0


def test_both_sides_get_the_same_draw(tmp_path: Path) -> None:
    """Hub and C server are asked for the same rooms and the same events, with the same audience."""
    drawn = draw(clients=50, rooms_each=3)
    files = [tmp_path / name for name in ("a", "b", "c", "d")]
    drawn.write_for_hub(files[0], files[1])
    drawn.write_for_server(files[2], files[3])
    hub_paths, hub_lines, c_paths, c_lines = (file.read_text().splitlines() for file in files)
    for rooms, ours, theirs in zip(drawn.rooms, hub_paths, c_paths, strict=True):
        assert [f"room={room}" for room in rooms] == theirs.partition("?")[2].split("&")
        names = [f"room={room_name(room)}" for room in rooms]
        assert names == ours.partition("?")[2].split("&")
    for room, ours, theirs in zip(drawn.events, hub_lines, c_lines, strict=True):
        audience, _, line = ours.partition(" ")
        assert theirs.split(" ")[0] == audience == str(drawn.members(room))
        assert theirs.split(" ")[1][:4] == line[:4] == f"{room:04}"


def test_every_event_has_somebody_to_hear_it() -> None:
    """Rooms without a member have no events, and a client is in as many rooms as asked."""
    drawn = draw(clients=20, rooms_each=5)
    assert all(len(set(rooms)) == 5 for rooms in drawn.rooms)
    assert min(drawn.members(room) for room in set(drawn.events)) >= 1


def test_a_trade_is_told_from_a_price_by_its_size() -> None:
    """The generator counts frames by size: every trade is longer than the limit, no price is."""
    market = Market(tokens=20)
    for _ in range(200):
        trade = market.trade()
        assert len(trade.data) > TRADE_BYTES_AT_LEAST
        assert trade.price_update is not None
        assert len(trade.price_update) + 200 < TRADE_BYTES_AT_LEAST


def test_the_market_is_seeded() -> None:
    """The same seed makes the same market."""
    first, second = Market(10, seed=3), Market(10, seed=3)
    assert first.paths(5, 2) == second.paths(5, 2)
    assert first.trade() == second.trade()
    assert Market(10, seed=4).paths(5, 2) != Market(10, seed=3).paths(5, 2)


def test_statements_of_the_server_are_counted(tmp_path: Path) -> None:
    """Counted is what the server had Postgres do: neither others' statements nor BEGIN and COMMIT,
    and a statement of several lines once."""
    log = tmp_path / "server.log"
    log.write_text(
        "curvefeed|LOG:  statement: BEGIN ISOLATION LEVEL REPEATABLE READ;\n"
        "curvefeed|LOG:  execute __asyncpg_stmt_1__: SELECT seq,\n\tepoch\n\tFROM feed_head\n"
        "curvefeed|LOG:  statement: COMMIT;\n"
        "benchmark|LOG:  execute __asyncpg_stmt_2__: INSERT INTO feed\n"
        "|LOG:  checkpoint starting\n"
        "curvefeed|LOG:  statement: SET LOCAL statement_timeout = 5000\n"
    )
    assert statements(log) == 2
