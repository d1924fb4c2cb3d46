"""What else goes in and comes out over HTTP: batches, outcomes, answers, reports."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.personnel.schemas.items import CitizenNumber, Phone
from shared.contracts.personnel import DivisionV1, OfficerV1


class Batch(BaseModel):
    """Up to 500 states, each as in the PUT of a single one; a bad item never stops the others."""

    model_config = ConfigDict(extra="forbid")

    items: list[dict[str, Any]] = Field(min_length=1, max_length=500)


class Outcome(BaseModel):
    """What became of one item; one that could not be read has no id, only its place in the request."""

    index: int | None = None
    id: str | None
    outcome: Literal["created", "changed", "unchanged", "rejected"]
    problem: dict[str, JsonValue] | None = None


class Outcomes(BaseModel):
    """What became of a batch."""

    items: list[Outcome]


class DivisionAnswer(DivisionV1):
    """A division; `kind_derived`: the village kind follows from the code alone (E-53) and nobody confirmed it."""

    kind_derived: bool


class OfficerAnswer(OfficerV1):
    """An officer with masked numbers; after an erasure name and numbers are empty."""

    phone: str | None
    citizen_number: str | None
    erased_at: datetime | None


class OfficerSearch(BaseModel):
    """Find by a number; in the body, because addresses are logged. Exactly one of the two."""

    model_config = ConfigDict(extra="forbid")

    phone: Phone | None = None
    citizen_number: CitizenNumber | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.phone is None) == (self.citizen_number is None):
            raise PydanticCustomError("one_number", "phone 与 citizen_number 应恰好给出一个")
        return self


class Erasure(BaseModel):
    """Why somebody's data are erased; written into the audit."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Found(BaseModel):
    """The officers with that number."""

    officers: list[UUID]


class NamedDivision(BaseModel):
    """A division by code and name."""

    code: str
    name: str


class KeptName(NamedDivision):
    """A name mended by hand, and what the file says instead."""

    imported: str


class ImportReport(BaseModel):
    """What an import did; `placeholders` are rows that repeat their parent's code and stand for nothing.

    `missing` are known divisions of the same places that the file does not have; nothing ended them. A hundred at most
    are listed of them and of the names kept as they were mended by hand.
    """

    rows: int
    created: int
    changed: int
    unchanged: int
    placeholders: int
    kept_by_hand: int
    kept: list[KeptName]
    not_in_file: int
    missing: list[NamedDivision]


class Township(BaseModel):
    """The township above a village."""

    code: str
    name: str


class Gap(BaseModel):
    """A village nobody is assigned to."""

    code: str
    name: str
    village_kind: str
    township: Township


class Holder(BaseModel):
    """Who is assigned."""

    officer_id: UUID
    name: str


class Double(BaseModel):
    """A village with more than one main holder of the post."""

    code: str
    name: str
    township: Township
    officers: list[Holder]


class EmptyArea(BaseModel):
    """An area nobody is assigned to."""

    area_id: UUID
    name: str
    station: UUID


class Coverage(BaseModel):
    """Who covers a division's villages on a day. Totals are of the whole, the three lists of this page."""

    division: str
    on: date
    post: str
    villages: int
    covered: int
    gaps_total: int
    double_total: int
    areas: int
    areas_without_officer_total: int
    gaps: list[Gap]
    double: list[Double]
    areas_without_officer: list[EmptyArea]
    next: str | None
