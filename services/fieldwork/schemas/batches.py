"""Batches as they come: what is inside is read item by item, so that a bad one never spoils the rest."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

MAX_ITEMS = 500

RawItems = Annotated[list[Any], Field(min_length=1, max_length=MAX_ITEMS)]


class Batch(BaseModel):
    """What all batches share: a misspelt field is told."""

    model_config = ConfigDict(extra="forbid")


class SyncBatch(Batch):
    """1 to 500 items of the types activity, arrival, departure."""

    items: RawItems = Field(
        examples=[
            [
                {
                    "type": "activity",
                    "id": {"system": "provincial-app", "id": "A-1"},
                    "officer": {"badge": "000007"},
                    "village": "411622100201",
                    "kind": "household_visit",
                    "from": "2026-10-05T09:00:00+08:00",
                    "quantity": "3",
                    "unit": "household",
                    "target_key": "household-17",
                    "details": {"purposes": ["law", "safety"]},
                },
                {
                    "type": "arrival",
                    "id": "01a20110-0311-7368-8c1b-b70b54e39036",
                    "officer": {"badge": "000007"},
                    "village": "411622100201",
                    "at": "2026-10-05T08:30:00+08:00",
                },
                {
                    "type": "departure",
                    "id": "01a20110-0357-73a4-83f5-41d40fd5e4ff",
                    "session": "01a20110-0311-7368-8c1b-b70b54e39036",
                    "at": "2026-10-05T12:30:00+08:00",
                },
            ]
        ]
    )


class VerdictBatch(Batch):
    """1 to 500 verdicts."""

    verdicts: RawItems = Field(
        examples=[
            [
                {
                    "verdict": "verify",
                    "activity_id": {"system": "provincial-app", "id": "A-1"},
                    "verified_by": {"badge": "000001"},
                    "method": "desk",
                    "quantity": "3",
                    "true_situation": True,
                    "record_seen": True,
                    "signature_seen": False,
                    "effective": "yes",
                },
                {
                    "verdict": "reject",
                    "activity_id": "01a20110-0311-7368-8c1b-b70b54e39036",
                    "verified_by": {"badge": "000001"},
                    "cause": "not_confirmed",
                    "reason": "no_record",
                },
            ]
        ]
    )


class CertificateBatch(Batch):
    """1 to 500 certificates."""

    items: RawItems = Field(
        examples=[
            [
                {
                    "id": "01a20110-0311-7368-8c1b-b70b54e39036",
                    "village": "411622100201",
                    "of": "dispute",
                    "month": "2026-09",
                    "certified_by": {"badge": "000001"},
                }
            ]
        ]
    )


class RosterBatch(Batch):
    """1 to 500 rostered days; `on_duty: false` takes one back, a day that has come needs a reason."""

    items: RawItems = Field(
        examples=[
            [
                {"officer": {"badge": "F001"}, "day": "2027-10-05", "entered_by": {"badge": "000001"}},
                {
                    "officer": {"badge": "F001"},
                    "day": "2026-10-05",
                    "on_duty": False,
                    "entered_by": {"badge": "000001"},
                    "reason": "on_leave",
                },
            ]
        ]
    )


class RosterConfirmationBatch(Batch):
    """1 to 500 decisions about corrections of rosters."""

    items: RawItems = Field(
        examples=[
            [
                {
                    "id": "01a20110-0311-7368-8c1b-b70b54e39036",
                    "confirmed_by": {"badge": "000002"},
                    "confirm": True,
                }
            ]
        ]
    )


class ForeignVillageBatch(Batch):
    """1 to 500 foreign names of villages."""

    items: RawItems
