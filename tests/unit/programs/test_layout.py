"""Event bytes by layout: every era, shorter, longer, and bytes that Borsh never writes."""

from __future__ import annotations

from typing import Any

import pytest

from programs.interface import Interface, parse_interface
from programs.layout import InterfaceError, LayoutError, Reader
from tests.helpers.borsh import encoded

HEAD = b"\0" * 8
TYPES: dict[str, Any] = {
    "Share": ["who pubkey", "bps u16"],
    "Side": {"enum": {"Buy": [], "Sell": []}},
    "Curve": {"enum": {"Constant": ["supply u64", "sold u64"], "Fixed": ["supply u64"]}},
    "Result": ["out u64", "price u128"],
}
ERAS = [
    ["amount u64", "is_buy bool", "user pubkey"],
    ["name string", "flag bool"],
    ["shares vec<Share>", "quote u64"],
    ["reward u64"],
]
VALUES = {
    "amount": 7,
    "is_buy": True,
    "user": b"u" * 32,
    "name": "buy",
    "flag": True,
    "shares": [{"who": b"w" * 32, "bps": 50}],
    "quote": 9,
    "reward": 11,
}


def body(eras: int, **changed: Any) -> bytes:
    """Event bytes of the first eras."""
    fields = [field for era in ERAS[:eras] for field in era]
    return HEAD + encoded(fields, VALUES | changed, TYPES)


@pytest.mark.parametrize(
    ("eras", "expected"),
    [
        (1, [7, 1, None, None, None, None]),
        (2, [7, 1, "buy", 1, None, None]),
        (3, [7, 1, "buy", 1, 9, None]),
        (4, [7, 1, "buy", 1, 9, 11]),
    ],
)
def test_each_era_reads_what_it_has(eras: int, expected: list[Any]) -> None:
    """Bytes of an older era give its fields, None for the later ones, and nothing is left over."""
    reader = Reader(ERAS, TYPES, ["amount", "is_buy", "name", "flag", "quote", "reward"])
    assert reader(body(eras)) == (expected, 0)


def test_a_longer_tail_is_counted() -> None:
    """Bytes behind the last known field are no error but a number."""
    reader = Reader(ERAS, TYPES, ["amount", "reward"])
    assert reader(body(4) + b"12345") == ([7, 11], 5)


def test_a_part_of_an_era_is_not_read() -> None:
    """A tail that ends inside an era leaves that era out and counts its bytes."""
    reader = Reader(ERAS, TYPES, ["amount", "name", "quote"])
    assert reader(body(3)[:-1]) == ([7, "buy", None], 4 + 34 + 7)


def test_the_first_era_is_needed() -> None:
    """Bytes that end inside the first era are refused."""
    reader = Reader(ERAS, TYPES, ["amount"])
    with pytest.raises(LayoutError, match="do not fit"):
        reader(body(1)[:-1])


@pytest.mark.parametrize("wrong", [2, 255])
def test_a_bool_is_zero_or_one(wrong: int) -> None:
    """A byte that can't be a bool shows that the bytes are not of this layout."""
    payload = bytearray(body(4))
    payload[16] = wrong
    with pytest.raises(LayoutError):
        Reader(ERAS, TYPES, ["is_buy"])(bytes(payload))


def test_a_shape_that_was_learnt_checks_values_too() -> None:
    """After good bytes of the same length, wrong ones are refused as before."""
    reader = Reader([["amount u64", "is_buy bool"]], {}, ["amount", "is_buy"])
    good = HEAD + encoded(["amount u64", "is_buy bool"], {"amount": 7, "is_buy": True}, {})
    assert reader(good) == reader(good) == ([7, 1], 0)
    with pytest.raises(LayoutError):
        reader(good[:-1] + b"\2")


def test_a_wrong_bool_in_a_later_era_ends_there() -> None:
    """A later era that does not fit is treated as unknown tail, not as values."""
    payload = bytearray(body(2))
    payload[-1] = 7
    assert Reader(ERAS, TYPES, ["amount", "flag"])(bytes(payload)) == ([7, None], 8)


def test_lengths_in_the_bytes_are_not_trusted() -> None:
    """A string or a vec longer than the bytes is refused at once, however long it says it is."""
    reader = Reader([["name string"]], {}, ["name"])
    with pytest.raises(LayoutError):
        reader(HEAD + b"\xff\xff\xff\xff" + b"abc")
    listed = Reader([["shares vec<Share>"]], TYPES, ["shares"])
    with pytest.raises(LayoutError):
        listed(HEAD + b"\xff\xff\xff\xff" + bytes(34))


def test_a_string_is_utf8() -> None:
    """Rust's strings are UTF-8: other bytes mean that we misread."""
    with pytest.raises(LayoutError, match="UTF-8"):
        Reader([["name string"]], {}, ["name"])(HEAD + b"\x01\0\0\0\xff")


def test_composed_types_are_read() -> None:
    """Vecs, options, enums with and without data, nested structs and 128-bit integers."""
    fields = ["shares vec<Share>", "side Side", "curve Curve", "fee option<u64>", "none option<u8>"]
    fields += ["result Result", "seed [u8;4]", "debt i128"]
    values = {
        "shares": [{"who": b"a" * 32, "bps": 1}, {"who": b"b" * 32, "bps": 2}],
        "side": 1,
        "curve": (0, {"supply": 5, "sold": 4}),
        "fee": 3,
        "result": {"out": 8, "price": 1 << 100},
        "seed": [1, 2, 3, 4],
        "debt": -5,
    }
    wanted = ["shares", "side", "curve", "fee", "none", "result.out", "result.price"]
    reader = Reader([fields], TYPES, [*wanted, "seed", "debt"])
    payload = HEAD + encoded(fields, values, TYPES)
    shares = ((b"a" * 32, 1), (b"b" * 32, 2))
    expected = [shares, 1, (0, 5, 4), 3, None, 8, 1 << 100, b"\1\2\3\4", -5]
    assert reader(payload) == (expected, 0)
    assert reader(payload) == (expected, 0), "the same bytes read twice give the same"


@pytest.mark.parametrize("side", [2, 200])
def test_an_enum_is_one_of_its_variants(side: int) -> None:
    """A variant that the interface does not have is refused."""
    with pytest.raises(LayoutError):
        Reader([["side Side"]], TYPES, ["side"])(HEAD + bytes([side]))
    with pytest.raises(LayoutError):
        Reader([["curve Curve"]], TYPES, ["curve"])(HEAD + bytes([side]) + bytes(16))


def test_events_of_one_length_but_other_counts_are_told_apart() -> None:
    """What was learnt of one event's shape is not used for another that is cut up otherwise."""
    fields = ["name string", "amount u64", "shares vec<Share>", "last u64"]
    reader = Reader([fields], TYPES, ["amount", "last"])

    def payload(name: str, count: int) -> bytes:
        values = {"name": name, "amount": 1, "last": 2, "shares": [{"bps": 1}] * count}
        return HEAD + encoded(fields, values, TYPES)

    long_name, one_share = payload("x" * 34, 0), payload("", 1)
    assert len(long_name) == len(one_share)
    for bytes_ in (long_name, one_share, long_name, one_share):
        assert reader(bytes_) == ([1, 2], 0)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        (["a u64", "b u64"], ["b", "a"]),
        (["a u64"], ["c"]),
        (["a u63"], ["a"]),
        (["a"], ["a"]),
        (["a [Share;2]"], ["a"]),
    ],
)
def test_a_wrong_request_is_refused(fields: list[str], wanted: list[str]) -> None:
    """Fields out of order or unknown, and types we do not have, fail when the program starts."""
    with pytest.raises(InterfaceError):
        Reader([fields], TYPES, wanted)


def interface_text(**changed: str) -> bytes:
    """A small interface file."""
    parts = {
        "discriminator": "bddb7fd34ee661ee",
        "address": "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P",
    } | changed
    return f"""{{"program": "x", "address": "{parts["address"]}", "source": "s", "date": "d",
        "events": {{"TradeEvent": {{"discriminator": "{parts["discriminator"]}",
            "layouts": [{{"since": "2024", "fields": ["amount u64"]}}]}}}},
        "other_events": {{}}, "instructions": {{}}, "other_instructions": {{}}}}""".encode()


def test_an_interface_is_checked_when_read() -> None:
    """A discriminator that is not the one of the event's name is a mistake in the file."""
    assert isinstance(parse_interface(interface_text()), Interface)
    with pytest.raises(InterfaceError, match="discriminator"):
        parse_interface(interface_text(discriminator="0000000000000000"))
    with pytest.raises(InterfaceError):
        parse_interface(b'{"program": "x"}')


def test_an_interface_says_what_it_lacks() -> None:
    """Asking for an event or a constant that is not in the file names it."""
    interface = parse_interface(interface_text())
    with pytest.raises(InterfaceError, match="SellEvent"):
        interface.reader("SellEvent")
    with pytest.raises(InterfaceError, match="decimals"):
        interface.constant("decimals")
    with pytest.raises(InterfaceError, match="mint"):
        interface.constant_key("mint")
