"""What the API of intel takes and answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from services.intel.playbook import KindName
from shared.contracts.base import Code12

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
ForeignText = Annotated[str, StringConstraints(min_length=1, max_length=100)]
# What no clock explains is a mistake, and years at either end of the calendar cannot be told in every time zone.
Instant = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]


class Model(BaseModel):
    """Requests: a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ForeignId(Model):
    """A thing's id in another system."""

    system: ForeignText
    id: ForeignText


class ById(Model):
    """An officer by our id."""

    id: UUID


class ByBadge(Model):
    """An officer by badge number."""

    badge: Annotated[str, StringConstraints(min_length=1, max_length=40)]


class NewReport(Model):
    """A dispute or a sign of instability that somebody noticed (I-001, I-002)."""

    id: UUID | ForeignId
    matter_id: UUID | None = None
    kind: KindName
    category: Code
    village: Code12
    reporter: ById | ByBadge | ForeignId
    noticed_at: Instant
    signs: Annotated[tuple[Code, ...], Field(max_length=50)] = ()
    summary: Annotated[str, StringConstraints(min_length=1, max_length=2000)] | None = None


class Moment(BaseModel):
    """One entry of a timeline; `code` is a rule id, an HTTP status, a cause or an outcome, never free text."""

    at: AwareDatetime
    what: str
    by: str | None = None
    to: str | None = None
    code: str | None = None
    seconds_since_previous: float | None = None


class Closing(BaseModel):
    """How the report ended, as of one revision."""

    revision: int
    outcome: str
    truth: str
    record_seen: bool
    cooperated: list[UUID]
    closed_at: AwareDatetime
    fed_back_to_reporter_at: AwareDatetime


class Escalated(BaseModel):
    """Why the report became an order, frozen when it was decided."""

    severity: str
    colour: str | None
    cause: str
    rule: str
    reading: str | None


class ReportLine(BaseModel):
    """A report in a list."""

    report_id: UUID
    matter_id: UUID
    kind: str
    category: str
    village: str
    reporter: UUID
    source: str
    noticed_at: AwareDatetime
    reported_at: AwareDatetime
    state: str
    severity: str | None
    station: UUID | None


class Report(ReportLine):
    """A report with everything that happened to it."""

    activity_id: UUID | None
    signs: list[str]
    summary: str | None
    classification: str
    scheme: str | None
    scheme_version: str | None
    station_name: str | None
    escalation: Escalated | None
    order: Order | None
    closing: Closing | None
    possible_duplicates: list[UUID]
    timeline: list[Moment]


class Order(BaseModel):
    """A station's order and how far its delivery got; `waiting_for` says what stops it."""

    order_id: UUID
    report_id: UUID
    station: UUID
    created_at: AwareDatetime
    due: AwareDatetime | None
    state: str
    delivery: Literal["pending", "delivered", "dead"]
    attempts: int
    next_at: AwareDatetime | None
    delivered_at: AwareDatetime | None
    waiting_for: Literal["endpoint", "endpoint_paused", "endpoint_rests"] | None


class Filed(BaseModel):
    """The outcome of filing: `duplicate` for the same content again."""

    outcome: Literal["created", "duplicate"]
    report_id: UUID
    matter_id: UUID
    state: str
    severity: str | None
    station: UUID | None


class OwnReport(BaseModel):
    """One's own report and, in a sentence, what became of it (I-307)."""

    report_id: UUID
    kind: str
    village: str
    reported_at: AwareDatetime
    state: str
    what_happened: str
    fed_back_at: AwareDatetime | None


class Callback(Model):
    """What a station says about an order; unknown fields are ignored, stations are other people's systems."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    order_id: UUID
    event: Literal["received", "accepted", "returned", "closed"]
    at: Instant
    outcome: Literal["resolved", "rectified", "controlled", "transferred", "withdrawn"] | None = None
    truth: Literal["true", "false", "unknown"] = "unknown"
    record_seen: bool = False
    cooperated: Annotated[tuple[UUID, ...], Field(max_length=50)] = ()
    reason: Code | None = None
    handler_name: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, repr=False
    )

    @model_validator(mode="after")
    def _says_enough(self) -> Callback:
        if self.event == "closed" and self.outcome is None:
            raise ValueError("outcome is required when event is closed")
        if self.event == "returned" and self.reason is None:
            raise ValueError("reason is required when event is returned")
        return self


class CallbackAnswer(BaseModel):
    """What the callback brought about; the same for every repeat."""

    order_id: UUID
    report_id: UUID
    state: str
    revision: int | None


class Told(BaseModel):
    """What a station receives: `type` is `order.created`, `endpoint.test` and whatever comes later."""

    type: str


class TestBody(Told):
    """A test of an endpoint: nothing to do but to answer."""

    delivery_id: UUID
    station: UUID


class OrderBody(Told):
    """An order. The summary is in it because the station must know; nobody else sees it."""

    order_id: UUID
    report_id: UUID
    matter_id: UUID
    station: UUID
    kind: str
    category: str
    severity: str | None
    colour: str | None
    village: str
    village_name: str | None
    reporter: UUID
    reporter_name: str | None
    reporter_badge: str | None
    noticed_at: AwareDatetime
    reported_at: AwareDatetime
    due: AwareDatetime | None
    signs: list[str]
    summary: str | None
