"""A dispute is settled in the village and confirmed: that closes what no station was ordered (C-49)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.intel.repository.deliveries import Deliveries
from services.intel.repository.matters import Matters
from services.intel.repository.orders import Orders
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.rules.lifecycle import IN_HAND
from services.intel.service.following import AT_ONCE, Following, Told
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
        for verdict in verdicts:
            said = {"unit": verdict.unit, "is_true": verdict.is_true, "record_seen": verdict.record_seen}
            for settled in await self.matters.settle([verdict.activity_id], said | {"doing": "closing"}):
                await self.reports.hold_matters([settled["matter_id"]])
                orders = await self.orders.lock_of_matters([settled["matter_id"]])
                await self._tell([order for order in orders if order["state"] in IN_HAND])
                await self._go_on(settled)

    async def taken_back(self, activities: Sequence[UUID]) -> None:
        """What a rejected activity had closed is open again; the closing is withdrawn in a revision of its own."""
        for settled in await self.matters.settle(activities, {"doing": "undoing"}):
            await self.reports.hold_matters([settled["matter_id"]])
            await self._go_on(settled)

    async def catch_up(self) -> bool:
        """The timer's part; True while there may be more."""
        settled = await self.matters.being_done()
        if settled:
            await self._go_on(settled)
        return settled is not None

    async def _go_on(self, settled: Row) -> None:
        """Some of the matter's reports; the rest is left to the timer, however many there are."""
        some = await (self._close(settled) if settled["doing"] == "closing" else self._reopen(settled))
        if some < AT_ONCE:
            await self.matters.settle([settled["activity_id"]], {"doing": None})

    async def _close(self, settled: Row) -> int:
        rows = await self.reports.unordered(settled["matter_id"], settled["settled_at"], AT_ONCE)
        closing = {
            "outcome": "resolved",
            "truth": "true" if settled["is_true"] else "false",
            "record_seen": settled["record_seen"],
            "cooperated": [],
            "closed_by": settled["unit"],
            "activity_id": settled["activity_id"],
            "closed_at": self.unit.now,
        }
        await self._say(rows, {"state": "closed", "next_try_at": None}, lambda _: closing)
        return len(rows)

    async def _reopen(self, settled: Row) -> int:
        rows = await self.reports.closed_by(settled["activity_id"], AT_ONCE)
        undone: Row = {"outcome": "withdrawn", "truth": None, "record_seen": False, "cooperated": []}
        now = self.unit.now
        await self._say(
            rows, {"state": "filed"}, lambda row: {**undone, "closed_by": row["closed_by"], "closed_at": now}
        )
        return len(rows)

    async def _say(self, rows: Sequence[Row], to: dict[str, Any], said: Callable[[Row], Row]) -> None:
        last, told = await self.reports.last_closings([row["report_id"] for row in rows]), Told()
        for row in rows:
            self.following.close(told, row, said(row), last.get(row["report_id"]))
        await self.following.move(rows, to, told)

    async def _tell(self, orders: Sequence[Row]) -> None:
        news = [update_of(order, order["report_id"], ["settled"]) for order in orders]
        await Deliveries(self.unit.connection).add(news, self.unit.now)
        entry = {"at": self.unit.now, "what": "updated", "code": "settled"}
        notes = (entry | {"report_id": order["report_id"], "to_org": order["station"]} for order in orders)
        await self.reports.note(*notes)


async def catch_up(unit: Unit) -> bool:
    """The timer's tick."""
    return await Settling(unit).catch_up()
