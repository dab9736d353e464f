"""Why something could not be fetched, and whether trying again may help."""

from __future__ import annotations

from common.errors import GiveUp, TryAgain


class Unreachable(TryAgain):
    """The network, or whoever should have answered."""


class Unacceptable(GiveUp):
    """What was asked for, or what came, is nothing we take."""
