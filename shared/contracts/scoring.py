"""Facts of scoring: what the work was worth."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.base import FactData, Label, Num, Part, Period, Who

Count = Annotated[int, Field(ge=0)]


class NotCounted(Part):
    """A fact that earned nothing, and why (a code)."""

    id: UUID
    why: Label


class SheetLine(Part):
    """One line of a sheet; `counted` and `not_counted` are the changes since the last revision."""

    item: Label
    points: Num | None
    cap_used: bool
    counted: tuple[UUID, ...] = ()
    not_counted: tuple[NotCounted, ...] = ()


class SheetUpdatedV1(FactData):
    """The sheet of one officer (or room, village, …) under one scheme version changed (S-101 … S-119)."""

    TYPE: ClassVar[str] = "scoring.sheet_updated.v1"
    TOPIC: ClassVar[str] = "scoring.sheet"
    KEY: ClassVar[str] = "who.id"

    sheet_id: UUID
    who: Who
    appraisal_id: UUID | None = None
    period: Period
    scheme_version: str
    revision: Count
    total: Num
    state: Literal["provisional", "closed", "corrected"]
    grade: Label | None = None
    withheld: tuple[Label, ...] = ()
    vetoes: tuple[Label, ...] = ()
    lines: tuple[SheetLine, ...]
