"""What ends an iteration."""

from __future__ import annotations


class FeedError(Exception):
    """Root of all."""


class FeedClosed(FeedError):
    """The connection is gone for good: dialling again cannot help."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{reason} (close code {code})")
        self.code, self.reason = code, reason


class RoomDenied(FeedError):
    """The hub refuses this room: `code` is one of the protocol's, such as forbidden."""

    def __init__(self, room: str, code: str, message: str) -> None:
        super().__init__(f"{room}: {message} ({code})")
        self.room, self.code, self.message = room, code, message
