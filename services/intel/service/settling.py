"""A dispute is settled in the village and confirmed: that closes what no station was ordered (C-49)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from services.intel.repository.deliveries import Deliveries
from services.intel.repository.matters import Matters
from services.intel.repository.orders import Orders
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.rules.lifecycle import IN_HAND
from services.intel.service.following import Following, Told
from services.intel.service.ordering import update_of
from shared.database.unit import Unit


class Verdict(NamedTuple):
    """What a unit confirmed of an activity."""

    activity_id: UUID
    unit: UUID
    is_true: bool
    record_seen: bool


class Settling:
    """Closing the reports of matters that were settled, and taking that back."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.matters = Matters(unit.connection)
        self.reports = Reports(unit.connection)
        self.orders = Orders(unit.connection)
        self.following = Following(unit)

    async def confirmed(self, verdicts: Sequence[Verdict]) -> None:
        """Close what was noticed before; a station that has the matter in hand is told instead."""
        by_activity = {verdict.activity_id: verdict for verdict in verdicts}
        settled = await self.matters.settled(by_activity.keys())
        if not settled:
            return
        verdict_on = {row["matter_id"]: by_activity[row["activity_id"]] for row in settled}
        settled_at = {row["matter_id"]: row["settled_at"] for row in settled}
        await self.reports.hold_matters(verdict_on.keys())
        orders = await self.orders.lock_of_matters(verdict_on.keys())
        rows = await self.reports.unordered_of_matters(verdict_on.keys())
        before = [row for row in rows if row["noticed_at"] <= settled_at[row["matter_id"]]]
        await self._close(before, verdict_on)
        await self._tell([order for order in orders if order["state"] in IN_HAND])

    async def taken_back(self, activities: Sequence[UUID]) -> None:
        """What a rejected activity had closed is open again; the closing is withdrawn in a revision of its own."""
        rows = await self.reports.closed_by_activities(activities)
        last, told = await self.reports.last_closings([row["report_id"] for row in rows]), Told()
        for row in rows:
            undone: Row = {"outcome": "withdrawn", "truth": None, "record_seen": False, "cooperated": []}
            undone = {**undone, "closed_by": row["closed_by"], "closed_at": self.unit.now}
            self.following.close(told, row, undone, last[row["report_id"]])
        await self.following.move(rows, {"state": "filed"}, told)

    async def _close(self, rows: Sequence[Row], verdict_on: Mapping[UUID, Verdict]) -> None:
        last, told = await self.reports.last_closings([row["report_id"] for row in rows]), Told()
        for row in rows:
            verdict = verdict_on[row["matter_id"]]
            closing: Row = {
                "outcome": "resolved",
                "truth": "true" if verdict.is_true else "false",
                "record_seen": verdict.record_seen,
                "cooperated": [],
                "closed_by": verdict.unit,
                "activity_id": verdict.activity_id,
                "closed_at": self.unit.now,
            }
            self.following.close(told, row, closing, last.get(row["report_id"]))
        await self.following.move(rows, {"state": "closed", "next_try_at": None}, told)

    async def _tell(self, orders: Sequence[Row]) -> None:
        news = [update_of(order, order["report_id"], ["settled"]) for order in orders]
        await Deliveries(self.unit.connection).add(news, self.unit.now)
        entry = {"at": self.unit.now, "what": "updated", "code": "settled"}
        notes = (entry | {"report_id": order["report_id"], "to_org": order["station"]} for order in orders)
        await self.reports.note(*notes)
