"""What is verified, and what is known to be missing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from api.dependencies import ServicesOf, metered
from api.problems import ProblemError, responses
from api.schemas import Model
from db import coverage
from db.coverage import Completeness
from programs.keys import signature_b58

router = APIRouter(
    prefix="/api/v1/completeness", tags=["operations"], dependencies=[Depends(metered)]
)

MAX_SLOT = 2**63 - 1
Slot = Annotated[int, Query(ge=0, le=MAX_SLOT)]


class VerifiedRange(Model):
    """Slots verified in one way; the last of them at `verified_at`."""

    from_slot: int
    to_slot: int
    method: str = Field(
        description="signatures: getSignaturesForAddress. blocks: getBlock.",
        examples=["signatures"],
    )
    signatures: int = Field(description="How many transactions were listed there.")
    verified_at: datetime


class KnownGap(Model):
    """A transaction that the node listed or announced and did not deliver at once."""

    signature: str
    slot: int
    reason: str
    opened_at: datetime
    closed_at: datetime | None = Field(description="Null: it is still missing.")


class CompletenessAnswer(Model):
    """What is known of a range of slots."""

    program: str = Field(examples=["pump"])
    from_slot: int
    to_slot: int
    complete: bool = Field(description="Every slot of the range is verified, and none has a gap.")
    first_slot: int = Field(description="Where the program's history begins here.")
    frontier_slot: int = Field(description="Every slot from first_slot up to here is verified.")
    tip_slot: int = Field(description="The node's newest slot when it was last asked.")
    finalized_slot: int
    age_s: float = Field(description="Seconds since the node was last asked.")
    ranges: list[VerifiedRange]
    gaps: list[KnownGap] = Field(description="Open ones first.")


@router.get(
    "",
    summary="What is verified of a range of slots",
    responses=responses(401, 404, 422, 429, 503, 504),
)
async def completeness(
    services: ServicesOf,
    program: Annotated[str, Query(description="Launchpad.", examples=["pump"], max_length=64)],
    from_slot: Annotated[Slot | None, Query(description="Default: the first one.")] = None,
    to_slot: Annotated[Slot | None, Query(description="Default: the node's newest.")] = None,
) -> CompletenessAnswer:
    """By what and when each slot was verified, and what is still missing. docs/completeness.md says
    what "verified" assumes.
    """
    found = await coverage.completeness(
        services.reads, program, from_slot or 0, MAX_SLOT if to_slot is None else to_slot
    )
    if found is None:
        raise ProblemError(
            404, f"nothing is verified of {program!r}", hint="Is it among INDEXER_PROGRAMS?"
        )
    point = found.checkpoint
    first = point.first_slot if from_slot is None else from_slot
    last = max(first, point.tip_slot) if to_slot is None else to_slot
    if last < first:
        raise ProblemError(422, "to_slot is below from_slot", hint="Exchange them")
    return _answer(found, first, last)


def _answer(found: Completeness, first: int, last: int) -> CompletenessAnswer:
    point = found.checkpoint
    return CompletenessAnswer(
        program=point.program,
        from_slot=first,
        to_slot=last,
        complete=point.first_slot <= first and last <= point.slot,
        first_slot=point.first_slot,
        frontier_slot=point.slot,
        tip_slot=point.tip_slot,
        finalized_slot=point.finalized_slot,
        age_s=round(point.age_s, 3),
        ranges=[
            VerifiedRange(
                from_slot=one.from_slot, to_slot=one.to_slot, method=one.method,
                signatures=one.signatures, verified_at=one.verified_at,
            )
            for one in found.ranges
        ],
        gaps=[
            KnownGap(
                signature=signature_b58(gap.signature), slot=gap.slot, reason=gap.reason,
                opened_at=gap.opened_at, closed_at=gap.closed_at,
            )
            for gap in found.gaps
        ],
    )  # fmt: skip
