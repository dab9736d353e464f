"""One measured figure and its peer's, from the same run."""

from __future__ import annotations

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """`ratio` above 1 means that we are ahead, whichever way the unit points."""

    name: str
    value: float
    unit: str
    peer: str
    peer_value: float
    higher_is_better: bool = True

    @property
    def ratio(self) -> float:
        """Ours over theirs, or theirs over ours where less is better."""
        ours, theirs = self.value, self.peer_value
        if not self.higher_is_better:
            ours, theirs = theirs, ours
        return ours / theirs if theirs else 0.0
