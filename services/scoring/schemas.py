"""What comes in and goes out over HTTP. Points are strings; null points mean that nothing is computed yet."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.web.pages import Page


def _month(text: object) -> date:
    if isinstance(text, str) and re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", text):
        return date.fromisoformat(f"{text}-01")
    raise PydanticCustomError("month", "应为月份,如 2026-10")


Month = Annotated[
    date, BeforeValidator(_month), WithJsonSchema({"type": "string", "pattern": r"^20[0-9]{2}-[0-9]{2}$"})
]
"""A month as 2026-10, as the first day of it: the sheet whose period holds this day is meant."""

SchemeId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")]


Status = Literal["computed", "withheld", "not_connected"]


class OpenPoint(BaseModel):
    """What nobody has decided yet, under which rule, and who has to; until then there is no grade."""

    rule: str
    what: str
    who: str


class Hint(BaseModel):
    """Something to look at that changes no point."""

    item: str
    text: str


class FactView(BaseModel):
    """One thing behind a line: its id, the ids of its facts, and what it is worth or why it counts nothing."""

    id: UUID
    facts: list[UUID]
    day: date
    village: str | None
    own: bool
    points: str | None
    why: str | None
    reason: str | None


class _Line(BaseModel):
    item: str
    title: str
    points: str | None
    full: str | None
    sentence: str
    rule: str


class LineView(_Line):
    """One line of a sheet; `full` is null where lines share the points of a group.

    A sheet has to stay small on a phone's connection: no `status` means computed, no counts mean none.
    """

    status: Status = Field("computed", exclude_if=lambda status: status == "computed")
    counted: int = Field(0, exclude_if=lambda number: number == 0)
    not_counted: int = Field(0, exclude_if=lambda number: number == 0)
    rules: list[str] = Field(exclude=True)


class DetailedLine(_Line):
    """A line with every rule it rests on, the limits it met, and the facts behind each of its points."""

    status: Status
    counted: int
    not_counted: int
    rules: list[str]
    group: str | None
    cap_used: bool
    floor_used: bool
    veto: bool
    open: list[str]
    facts: list[FactView]


class OfficerView(BaseModel):
    """Whose sheet; the name is empty after erasure."""

    id: UUID
    name: str


class SchemeView(BaseModel):
    """Under which scheme, and which version of it."""

    id: str
    title: str
    version: str


class PeriodView(BaseModel):
    """First and last day, both counted."""

    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")


class Failing(BaseModel):
    """The sheet could not be computed anew, so it is older than what is known; `reason` names the kind of error."""

    reason: str
    tries: int
    failed_at: datetime
    next_try: datetime


class _Sheet(BaseModel):
    officer: OfficerView
    scheme: SchemeView
    period: PeriodView
    revision: int
    computed_at: datetime
    state: Literal["provisional", "shadow"]
    failed: Failing | None = Field(exclude_if=lambda failed: failed is None)
    total: str
    full: str
    grade: str | None
    withheld: list[OpenPoint]
    vetoes: list[str]
    warnings: list[Hint]


class SheetView(_Sheet):
    """A sheet for the officer himself."""

    sheet_id: UUID = Field(exclude=True)
    lines: list[LineView]


class DetailedSheet(_Sheet):
    """A sheet with the facts behind each point."""

    sheet_id: UUID
    lines: list[DetailedLine]


class PageLinkRequest(BaseModel):
    """Which sheet to print."""

    model_config = ConfigDict(extra="forbid")

    period: Month
    scheme: SchemeId | None = None


class PageLink(BaseModel):
    """A link a browser can open without a token, until it expires."""

    url: str
    expires_at: datetime


class Village(BaseModel):
    """A village-level unit."""

    code: str
    name: str | None


class Rank(BaseModel):
    """One officer's place; equal totals share it and the places after it are skipped."""

    rank: int
    officer: OfficerView
    villages: list[Village]
    total: str
    grade: str | None
    vetoes: list[str]


class Scoreboard(Page[Rank]):
    """A page of a ranking. While anything is open: no grades.

    `pending` of its officers have facts not yet in it, sheets of `failed` of them cannot be computed.
    """

    scheme: SchemeView
    period: PeriodView
    officers: int
    pending: int
    failed: int
    vacancies: int
    withheld: list[OpenPoint]


class Summary(BaseModel):
    """The ends of a ranking, and the villages nobody is assigned to."""

    scheme: SchemeView
    period: PeriodView
    officers: int
    pending: int
    failed: int
    withheld: list[OpenPoint]
    top: list[Rank]
    bottom: list[Rank]
    vacancies: list[Village]


class Recomputation(BaseModel):
    """How many officers will be scored anew."""

    officers: int
