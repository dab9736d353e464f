"""How many may come, from where and in whose name."""

from __future__ import annotations

from api.services.auth.rates import address_key
from api.services.door import Door
from api.services.limits import HubLimits


def door(**limits: int) -> Door:
    """With these limits and no others."""
    none = {"connections_per_wallet": 0, "connections_per_address": 0, "arrivals_per_minute": 0}
    return Door(HubLimits(**none | limits))


def test_an_address_may_hold_so_many_connections() -> None:
    """One more is too many until one of them leaves; other addresses don't matter."""
    few = door(connections_per_address=2)
    assert [few.enter("a"), few.enter("a"), few.enter("a"), few.enter("b")] == [
        True, True, False, True,
    ]  # fmt: skip
    few.leave("a", None)
    few.leave("a", None)
    assert few.enter("a")


def test_addresses_of_one_network_are_one() -> None:
    """An IPv6 address stands for its /64, one of IPv4 for itself, however it is written."""
    assert address_key("2001:db8:1:2::7") == address_key("2001:db8:1:2:ffff::1")
    assert address_key("2001:db8:1:2::7") != address_key("2001:db8:1:3::7")
    assert address_key("::ffff:192.0.2.1") == address_key("192.0.2.1")
    assert address_key("192.0.2.1") != address_key("192.0.2.2")


def test_a_wallet_may_hold_so_many_connections() -> None:
    """Also those that change to it; who renews its credential is not counted twice."""
    few = door(connections_per_wallet=2)
    assert few.sign_in(None, "w")
    assert few.sign_in("w", "w")
    assert few.sign_in("v", "w")
    assert not few.sign_in(None, "w")
    few.leave("a", "w")
    few.leave("a", "w")
    assert few.sign_in(None, "w")


def test_arrivals_have_a_pace() -> None:
    """Within a minute so many are welcome, as many more are told that they are too many, and the
    rest is not let in at all; time makes up for it."""
    slow = door(arrivals_per_minute=3)
    came = [slow.arrive("a", 0.0) for _ in range(8)]
    assert came == ["welcome"] * 3 + ["too_many"] * 3 + ["flood"] * 2
    assert slow.arrive("b", 0.0) == "welcome"
    assert slow.arrive("a", 120.0) == "welcome"


def test_nothing_is_kept_of_who_has_left() -> None:
    """However many come and go."""
    busy = door(connections_per_wallet=1, connections_per_address=1)
    for number in range(1_000):
        assert busy.enter(f"a{number}")
        assert busy.sign_in(None, f"w{number}")
        busy.leave(f"a{number}", f"w{number}")
    assert not busy._addresses
    assert not busy._wallets
