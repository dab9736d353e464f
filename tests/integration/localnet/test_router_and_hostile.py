"""What the router and the hostile program do on the chain, as an indexer will see it."""

from __future__ import annotations

import random

import pytest

from localnet.ledger import Landed
from localnet.traders.lies import FAILING, KINDS, TRUTHFUL, forged_trade, steps_of
from programs import pump_instructions as pump
from programs.onchain import HOSTILE, ROUTER
from programs.onchain.instructions import fail, lie, really, route, say, show_data
from tests.helpers.chain_user import ChainUser, chain_with_pump
from tests.helpers.pump_program import EVENT_TAG, event_of


def true_events(landed: Landed) -> list[str]:
    """Names of events that pump called itself with: nobody else can."""
    calls = [call for group in landed.meta.inner for call in group.instructions]
    own = [call for call in calls if landed.keys[call.program_id_index] == pump.PUMP]
    return [event_of(call.data[8:])["event"] for call in own if call.data[:8] == EVENT_TAG]


def data_lines(landed: Landed) -> int:
    """Lines that claim to be data, true or not."""
    return sum(line.startswith("Program data: ") for line in landed.meta.logs)


def test_a_router_makes_several_trades_in_one_instruction() -> None:
    """Two purchases and a sale in one top-level instruction, each at its own stack height."""
    user = ChainUser(chain_with_pump())
    first, second = user.launch(), user.launch()
    sale = pump.sell(user.address, first, 10**11, 0)
    landed = user.send(route([user.buy(first, 10**12), user.buy(second, 10**12), sale]))
    assert landed.err is None
    assert len(landed.transaction.message.instructions) == 1
    assert true_events(landed) == ["TradeEvent"] * 3
    pumps = [line for line in landed.meta.logs if line.startswith(f"Program {pump.PUMP} invoke")]
    assert [line.rsplit(" ", 1)[1] for line in pumps] == ["[2]", "[3]"] * 3
    assert f"Program {ROUTER} invoke [1]" in landed.meta.logs


def test_a_routed_failure_undoes_all_of_it() -> None:
    """If one call of the router fails, so does the transaction, though its logs show events."""
    user = ChainUser(chain_with_pump())
    market = user.launch()
    before = user.chain.accounts.now(pump.curve_address(market.mint))
    landed = user.send(route([user.buy(market, 10**12), user.buy(market, 10**12, limit=1)]))
    assert landed.err == {"InstructionError": [0, {"Custom": 6002}]}
    assert data_lines(landed) == 1
    assert user.chain.accounts.now(pump.curve_address(market.mint)) == before


def test_hostile_data_looks_like_pumps_but_is_not_called() -> None:
    """Forged bytes make a data line under the hostile program and no event call."""
    user = ChainUser(chain_with_pump())
    market = user.launch()
    forged = forged_trade(random.Random(1), market.mint, user.address)
    landed = user.send(lie([show_data(forged), say("a\nb")]))
    assert landed.err is None
    assert data_lines(landed) == 1
    assert true_events(landed) == []
    assert "Program log: a\nb" in landed.meta.logs, "a newline stays inside one entry"
    assert f"Program {HOSTILE} invoke [1]" in landed.meta.logs


@pytest.mark.parametrize("kind", range(KINDS))
def test_every_lie_of_the_traders_does_what_it_says(kind: int) -> None:
    """Truthful kinds hold exactly one true trade, the failing one fails, all show forged data."""
    user = ChainUser(chain_with_pump())
    market = user.launch()
    forged = forged_trade(random.Random(kind), market.mint, user.address)
    landed = user.send(lie(steps_of(kind, forged, user.buy(market, 10**12))))
    assert (landed.err is not None) == (kind == FAILING)
    assert true_events(landed) == (["TradeEvent"] if kind in TRUTHFUL else [])
    assert data_lines(landed) >= 1 or "Log truncated" in landed.meta.logs


def test_babble_truncates_the_log_before_a_true_trade() -> None:
    """The fifth lie hides a true trade from the logs; only the event call still tells of it."""
    user = ChainUser(chain_with_pump())
    market = user.launch()
    forged = forged_trade(random.Random(1), market.mint, user.address)
    landed = user.send(lie(steps_of(4, forged, user.buy(market, 10**12))))
    assert "Log truncated" in landed.meta.logs
    assert data_lines(landed) == 0
    assert true_events(landed) == ["TradeEvent"]


def test_scripts_that_make_no_sense_are_refused() -> None:
    """A call without its accounts, or an unknown step, ends with an error, not with a surprise."""
    user = ChainUser(chain_with_pump())
    market = user.launch()
    call = really(user.buy(market, 10**12))
    truncated = lie([(call[0][:-1], call[1])])
    without_accounts = lie([(call[0], [])])
    unknown = lie([(b"\x09", [])])
    errors = [user.send(each).err for each in (truncated, without_accounts, unknown, lie([fail()]))]
    assert errors == [
        {"InstructionError": [0, "InvalidInstructionData"]},
        {"InstructionError": [0, "NotEnoughAccountKeys"]},
        {"InstructionError": [0, "InvalidInstructionData"]},
        {"InstructionError": [0, {"Custom": 13}]},
    ]
