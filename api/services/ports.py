"""The hub, as one connection sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from api.services.access import Authorizer
from api.services.door import Door
from api.services.limits import HubLimits
from api.services.messages import Identifier
from api.services.subscription import Subscription

if TYPE_CHECKING:
    from api.services.session import Session

Slow = Literal["shed", "resync", "cut"]
"""A room's frames were dropped; the client was told so; it was sent away."""


class HubPort(Protocol):
    """The hub, as one connection sees it."""

    limits: HubLimits
    authorizer: Authorizer
    door: Door

    def now(self) -> float:
        """Monotonic seconds."""

    def join(self, session: Session, subscription: Subscription) -> None:
        """Bring the connection into the room; it hears what happens there from its position on."""

    def leave(self, session: Session, subscription: Subscription) -> None:
        """Take it out."""

    def position(self, room: bytes) -> int | None:
        """Where the room stands."""

    def authenticate(self, session: Session, token: str, identifier: Identifier | None) -> None:
        """Look at a credential in the background; calls `on_identity` or `refuse`, then
        `on_settled`."""

    def ended(self, session: Session, code: str, after_s: float) -> None:
        """The connection is over: by this close code of ours, or `client`."""

    def note_slow(self, what: Slow) -> None:
        """Something was done about a client that reads too slowly."""

    @property
    def epoch(self) -> str:
        """Of the feed."""
