"""An upgrade of a program shows as a share of its traffic, and is said once."""

from __future__ import annotations

from programs.decode import Decoded, Share, Undecoded, Unknown
from programs.drift import Alarm, Drift
from programs.events import Traded


def trade(extra_bytes: int = 0) -> Traded:
    """A trade of pump."""
    return Traded(
        program="pump",
        ordinal=0,
        mint=b"m" * 32,
        wallet=b"w" * 32,
        pool=None,
        timestamp=1,
        extra_bytes=extra_bytes,
        is_buy=True,
        base_amount=1,
        quote_amount=1,
        user_quote_amount=None,
        quote_mint=bytes(32),
        fees={},
        reserves={},
    )


USUAL = Decoded(events=(trade(),))
LONGER = Decoded(events=(trade(extra_bytes=8),))
STRANGE = Decoded(
    undecoded=(Undecoded("pump", "log:3", "an event the interface does not have", b"new event"),),
    unknown=(Unknown("pump", "event", b"\1" * 8),),
    shares=(Share("pump", 1, 0),),
)


def observe(drift: Drift, decoded: Decoded, times: int, name: str = "sig") -> list[Alarm]:
    """Alarms of so many transactions."""
    return [alarm for n in range(times) for alarm in drift.observe(decoded, f"{name}{n}")]


def test_usual_traffic_is_quiet() -> None:
    """Transactions that decode whole raise nothing, however many."""
    drift = Drift()
    assert observe(drift, USUAL, 10_000) == []
    assert drift.share("pump", "silent_instruction") == 0


def test_a_single_oddity_is_no_upgrade() -> None:
    """One unknown event among many known ones stays below the threshold."""
    drift = Drift(threshold=0.02, least=50)
    assert observe(drift, USUAL, 500) == []
    assert observe(drift, STRANGE, 1) == []


def test_unknown_events_are_named() -> None:
    """A share of unknown events raises an alarm with discriminator and a sample signature."""
    drift = Drift(threshold=0.02, least=50)
    observe(drift, USUAL, 100)
    alarms = {alarm.sign: alarm for alarm in observe(drift, STRANGE, 10)}
    assert set(alarms) == {"unknown_event", "silent_instruction"}
    alarm = alarms["unknown_event"]
    assert (alarm.program, alarm.is_raised) == ("pump", True)
    assert alarm.discriminator == "01" * 8
    assert alarm.signature == "sig2"
    assert 0.02 < alarm.share < 0.03


def test_an_alarm_is_said_once_and_lifted_once() -> None:
    """It is raised once, stays, and is lifted when the share has halved below the threshold."""
    drift = Drift(threshold=0.02, least=50)
    assert len(observe(drift, LONGER, 500)) == 1
    lifted = observe(drift, USUAL, 40_000, "later")
    assert [(alarm.sign, alarm.is_raised) for alarm in lifted] == [("extra_bytes", False)]
    assert drift.share("pump", "extra_bytes") < 0.01


def test_too_little_traffic_says_nothing() -> None:
    """Before enough transactions of a program were seen, a share means nothing."""
    assert observe(Drift(least=50), STRANGE, 49) == []


def test_instructions_without_a_trade_are_a_sign() -> None:
    """Trade instructions that give no trade are told apart from those that do."""
    drift = Drift(threshold=0.02, least=10)
    both = Decoded(events=(trade(),), shares=(Share("pump", 2, 1),))
    alarms = observe(drift, both, 20)
    assert [alarm.sign for alarm in alarms] == ["silent_instruction"]
    assert drift.share("pump", "silent_instruction") == 0.5


def test_memory_is_bounded() -> None:
    """Random discriminators of a program do not fill the memory."""
    drift = Drift()
    for number in range(1_000):
        unknown = Unknown("pump", "event", number.to_bytes(8, "big"))
        drift.observe(Decoded(unknown=(unknown,)), "s")
    assert len(drift._tally("pump", "unknown_event").discriminators) == 64
