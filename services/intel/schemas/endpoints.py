"""Endpoints and deliveries in the API."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from services.intel.schemas import Model

Secret = Annotated[str, StringConstraints(min_length=1, max_length=200), Field(repr=False)]
DAY = 86_400


class EndpointGiven(Model):
    """Where a station receives orders, and the secret both sides sign with."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    secret: Secret
    tolerance_seconds: Annotated[int, Field(ge=10, le=3600)] = 300


class SecretGiven(Model):
    """A new secret; the one before it counts for so long."""

    secret: Secret
    former_valid_seconds: Annotated[int, Field(ge=0, le=30 * DAY)] = DAY


class Endpoint(BaseModel):
    """An endpoint without its secrets, how it stands, and what waits for it or was given up.

    `rests_until`: after failed calls, or because the station asked for it (`Retry-After`).
    """

    org_id: UUID
    url: str
    tolerance_seconds: int
    former_secret_until: AwareDatetime | None
    paused_at: AwareDatetime | None
    paused_because: Literal["gone", "person"] | None
    failures: int
    rests_until: AwareDatetime | None
    succeeded_at: AwareDatetime | None
    updated_at: AwareDatetime
    pending: int
    dead: int


class Delivery(BaseModel):
    """One thing that was or is to be told to a station; `code` is how the last call ended."""

    delivery_id: UUID
    event: str
    order_id: UUID | None
    report_id: UUID | None
    created_at: AwareDatetime
    state: Literal["pending", "delivered", "dead"]
    attempts: int
    next_at: AwareDatetime | None
    code: str | None
    called_at: AwareDatetime | None
    delivered_at: AwareDatetime | None
