"""Everything reaches the callback of a resuming client, once and in order, whatever dies."""

from __future__ import annotations

import pytest

from chaos.delivery import DeliveryOptions, Source, Trial
from chaos.nats import nats_program

QUICK = DeliveryOptions(clients=24, per_s=100, time_scale=0.05)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", ["postgres", "nats"])
async def test_everything_is_delivered(source: Source) -> None:
    """Clients drop again and again, while hubs, Postgres, listeners, NATS and relays die, and the
    epoch changes: nothing is lost, doubled or out of order, holes are told, and the snapshots that
    stand for them are what was at their positions."""
    if source == "nats" and nats_program() is None:
        pytest.skip("there is no nats-server: apt-get install nats-server")
    (verdict,) = await Trial(source, QUICK, lambda _: None).run()
    assert verdict.is_right, str(verdict)
    assert verdict.delivered > 1_000
    assert verdict.connects > 2 * QUICK.clients
    assert verdict.snapshots > QUICK.clients
    assert set(verdict.reasons) >= {"epoch"}
