"""Every error the project raises on purpose: two roots, so that a caller knows what to do with it.

An error carries the fields that name the case and a `hint`: one sentence that says what to do.
"""

from __future__ import annotations


class CurvefeedError(Exception):
    """Root of both kinds. `str()` gives message, fields and hint in one line."""

    def __init__(self, message: str, *, hint: str = "", **fields: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.fields = fields

    def __str__(self) -> str:
        fields = " ".join(f"{name}={value}" for name, value in self.fields.items())
        text = f"{self.message} ({fields})" if fields else self.message
        return f"{text}. {self.hint}" if self.hint else text


class TryAgain(CurvefeedError):
    """The world is at fault and may recover: network, node, database restart."""


class GiveUp(CurvefeedError):
    """Trying again cannot help: bad settings, unknown layout, a port in use."""


class SettingsError(GiveUp):
    """A setting is missing or wrong."""


class DatabaseUnavailable(TryAgain):
    """Postgres does not answer."""


class MigrationError(GiveUp):
    """The schema in the database and the migrations in the code disagree."""


class FeedGap(TryAgain):
    """The feed as read is not contiguous: a reader must read again or resynchronise."""


class NodeError(TryAgain):
    """A Solana node failed a call; field `code` is the JSON-RPC error code, if any."""


class NodeRefused(GiveUp):
    """A Solana node will never accept this call as it is (-32015, -32602, 401, 403)."""


class TradeRefused(GiveUp):
    """A trade can't be made as asked: `message` says why to a trader, `code` to a program."""

    def __init__(self, code: str, message: str, *, hint: str = "", **fields: object) -> None:
        super().__init__(message, hint=hint, **fields)
        self.code = code


class PortInUse(GiveUp):
    """A server's port is taken by another process."""


class BuildError(GiveUp):
    """Something that is built on this machine (the page, the on-chain program) could not be."""


class InvalidEvent(GiveUp):
    """What should be published is not an event of the feed."""


class VerdictFailed(GiveUp):
    """A check of our own promises found one broken."""
