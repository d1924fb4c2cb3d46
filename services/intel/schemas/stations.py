"""What stations are sent, and what they answer."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.intel.schemas import Code, Model
from shared.values import Instant


class Callback(Model):
    """What a station says about an order, or about a report on its list that has none.

    Unknown fields are ignored, stations are other people's systems.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    order_id: UUID | None = None
    report_id: UUID | None = None
    event: Literal["received", "accepted", "returned", "closed"]
    at: Instant
    outcome: Literal["resolved", "rectified", "controlled", "transferred", "withdrawn"] | None = None
    truth: Literal["true", "false", "unknown"] | None = None
    record_seen: bool = False
    cooperated: Annotated[tuple[UUID, ...], Field(max_length=50)] = ()
    reason: Code | None = None
    handler_name: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, repr=False
    )

    @model_validator(mode="after")
    def _says_enough(self) -> Callback:
        if (self.order_id is None) == (self.report_id is None):
            raise PydanticCustomError("one_of", "order_id 与 report_id 须填写其中一项,且只填一项")
        if self.event == "closed" and self.outcome is None:
            raise PydanticCustomError("missing", "办结(closed)须填写 outcome")
        if self.event == "returned" and self.reason is None:
            raise PydanticCustomError("missing", "退回(returned)须填写 reason")
        return self


class CallbackAnswer(BaseModel):
    """What the callback brought about; the same for every repeat."""

    order_id: UUID | None
    report_id: UUID
    state: str
    revision: int | None


class Told(BaseModel):
    """What a station receives: `type` is `order.created`, `order.updated`, `order.withdrawn` or `endpoint.test`."""

    type: str


class TestBody(Told):
    """A test of an endpoint: nothing to do but to answer."""

    delivery_id: UUID
    station: UUID


class OrderBody(Told):
    """An order, or a report that brings news of its matter (`news` says what is new).

    The summary is in it because the station must know; nobody else sees it.
    """

    news: list[str]
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
