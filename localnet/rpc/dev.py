"""Methods of ours, for tests and demonstrations: time, forks, faults. Names begin with `dev`."""

from __future__ import annotations

import msgspec
from solders.account import Account

from localnet.accounts import SYSTEM
from localnet.chain import Chain, Fork
from localnet.errors import invalid_params
from localnet.pubsub import Subscriptions
from localnet.rpc.params import Methods, bytes_of, key_of

MAX_TICKS = 10_000


class NewAccount(msgspec.Struct, frozen=True):
    """An account to put in place as it is; `data` is base64."""

    lamports: int
    data: str = ""
    owner: str | None = None
    executable: bool = False


class Clockwork(msgspec.Struct):
    """Whether slots pass by themselves."""

    is_paused: bool = False


class DevMethods(Methods):
    """devTick … devDisconnect."""

    def __init__(self, chain: Chain, clockwork: Clockwork, subscriptions: Subscriptions) -> None:
        super().__init__(chain)
        self.clockwork = clockwork
        self.subscriptions = subscriptions

    def methods(self) -> dict[str, object]:
        """Name on the wire → method."""
        return {
            "devTick": self.tick,
            "devPause": self.pause,
            "devFork": self.fork,
            "devSetAccount": self.set_account,
            "devDropNotifications": self.drop_notifications,
            "devDisconnect": self.disconnect,
        }

    def tick(self, count: int = 1) -> int:
        """Let `count` slots pass; the slot that is open then."""
        if not 0 <= count <= MAX_TICKS:
            raise invalid_params(f"Too many slots; max {MAX_TICKS}")
        for _ in range(count):
            self.chain.tick()
        return self.chain.tip.slot

    def pause(self, on: bool = True) -> bool:
        """Stop or restart the clock."""
        self.clockwork.is_paused = on
        return on

    def fork(self, depth: int = 1, replay: bool = False, confirmed: bool = False) -> Fork:
        """Abandon the newest unconfirmed slots, or unfinalized ones."""
        return self.chain.fork(depth, replay=replay, confirmed=confirmed)

    def set_account(self, text: str, account: NewAccount) -> None:
        """Put an account in place, outside of any transaction."""
        owner = key_of(account.owner) if account.owner is not None else SYSTEM
        data = bytes_of(account.data, "base64")
        new = Account(account.lamports, data, owner, executable=account.executable)
        self.chain.accounts.put(key_of(text), new)

    def drop_notifications(self, count: int = 1) -> int:
        """Lose the next `count` logs notifications, as busy nodes do."""
        self.subscriptions.drop_next = count
        return count

    def disconnect(self) -> int:
        """Cut every WebSocket; how many there were."""
        return self.subscriptions.disconnect()
