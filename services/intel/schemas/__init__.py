"""What the API of intel takes and answers."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from services.intel.playbook import KindName
from shared.identifiers import Badge, ForeignName, ForeignSystem, OwnId, VillageCode
from shared.values import Instant
from shared.web.pages import Page

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
State = Literal[
    "recorded",
    "filed",
    "awaiting_station",
    "ordered",
    "received",
    "accepted",
    "returned",
    "closed",
    "repeated",
    "withdrawn",
]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True), Field(repr=False)]


class Model(BaseModel):
    """Requests: a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ForeignId(Model):
    """A thing's id in another system."""

    system: ForeignSystem
    id: ForeignName


class ById(Model):
    """An officer by our id."""

    id: UUID


class ByBadge(Model):
    """An officer by badge number."""

    badge: Badge


class NewReport(Model):
    """A dispute or a sign of instability that somebody noticed (I-001, I-002)."""

    id: OwnId | ForeignId
    matter_id: UUID | ForeignId | None = None
    supersedes: UUID | ForeignId | None = None
    kind: KindName
    category: Code
    village: VillageCode
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
    """How the report ended, as of one revision; `truth` is absent where nobody said."""

    revision: int
    outcome: str
    truth: str | None
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
    orders: list[Order]
    steps: list[StationStep]
    closing: Closing | None
    possible_duplicates: list[UUID]
    timeline: list[Moment]


class StationStep(BaseModel):
    """What a station said, who took it there and, of what came back, why."""

    step: Literal["received", "accepted", "returned"]
    at: AwareDatetime
    handler_name: str | None
    reason: str | None


Rests = Literal["returned", "dead", "no_endpoint", "paused", "not_received", "not_taken"]


class Order(BaseModel):
    """A station's order and how far its delivery got; `waiting_for` says what stops it, `rests` that a person must act.

    `report_id` is the report it was made for; others of the matter may be answered by it, too.
    """

    order_id: UUID
    report_id: UUID
    matter_id: UUID
    station: UUID
    sent_by: UUID | None
    hop: int
    reason: str | None
    followed_by: UUID | None
    created_at: AwareDatetime
    due: AwareDatetime | None
    state: Literal["ordered", "received", "accepted", "returned", "closed"]
    moved_at: AwareDatetime
    rests: Rests | None
    steps: list[StationStep]
    delivery: Literal["pending", "delivered", "dead"]
    attempts: int
    next_at: AwareDatetime | None
    delivered_at: AwareDatetime | None
    waiting_for: Literal["endpoint", "endpoint_paused", "endpoint_rests"] | None


class Resting(Order):
    """An order in the queue of the unit that sent it."""

    kind: str
    severity: str | None
    village: str


class ReportWithdrawal(Model):
    """Why somebody takes his own report back."""

    reason: Code


class NewOrder(Model):
    """A person's order: to which unit and why; `replaces` is the order the report has now, absent if it has none."""

    to: UUID
    reason: Reason
    replaces: UUID | None = None


class Ordered(BaseModel):
    """The order that a person made."""

    order_id: UUID


class Matter(BaseModel):
    """A matter: `closed` when none of its orders and reports is open; the newest reports, and its orders."""

    matter_id: UUID
    state: Literal["open", "closed"]
    orders: list[Order]
    reports: Page[ReportLine]


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
