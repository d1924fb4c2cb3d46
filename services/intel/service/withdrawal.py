"""A report is taken back, by whoever made it or because its activity was rejected, unless a station was given it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.intel.repository.deliveries import Deliveries
from services.intel.repository.known import Known
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.rules.lifecycle import IN_HAND
from services.intel.rules.matters import REPEATED, TAKEN_BACK
from services.intel.service import facts
from services.intel.service.ordering import update_of
from shared.database.unit import Unit

# Not yet with a station: nobody was told of the first two, of the others the fact is out.
_SILENT, _PUBLISHED = ("recorded", REPEATED), ("filed", "awaiting_station")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a report is taken back, and by whom; the unit is absent where the author did it."""

    cause: str
    at: datetime
    by: UUID
    unit: UUID | None


class Withdrawal:
    """Taking reports back."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.reports = Reports(unit.connection)
        self.known = Known(unit.connection)

    async def of(self, rejections: Mapping[UUID, Rejection]) -> None:
        """By activity. Nothing that a station was told to do is silently undone: there it is noted and told."""
        rows = await self.reports.lock(await self.reports.of_activities(rejections.keys()))
        await self._withdraw(rows, {row["report_id"]: rejections[row["activity_id"]] for row in rows}, "rejected")

    async def by_author(self, report_id: UUID, code: str, reporter: UUID) -> None:
        """Whoever reported takes it back, for a reason told by a code."""
        rows = await self.reports.lock([report_id])
        await self._withdraw(rows, {report_id: Rejection(code, self.unit.now, reporter, None)}, "withdrawn")

    async def _withdraw(self, rows: Sequence[Row], why: Mapping[UUID, Rejection], news: str) -> None:
        if not rows:
            return
        await self.reports.hold_matters({row["matter_id"] for row in rows})
        await self._take_back([row for row in rows if row["state"] in (*_SILENT, *_PUBLISHED)], why)
        told = [row for row in rows if row["state"] not in (*_SILENT, *_PUBLISHED, TAKEN_BACK)]
        await self._tell(told, why, news)

    async def _take_back(self, rows: Sequence[Row], why: Mapping[UUID, Rejection]) -> None:
        changed = {"state": TAKEN_BACK, "next_try_at": None}
        await self.reports.change([{"report_id": row["report_id"], **changed} for row in rows])
        await self.reports.note(*(_note(row, TAKEN_BACK, why, self.unit.now) for row in rows))
        units = await self.known.units_of({why[row["report_id"]].by for row in rows})
        for row in rows:
            if row["state"] in _PUBLISHED:
                self.unit.outbox.add(facts.closed(row, self._closing(why[row["report_id"]], units)))
        # Another activity may say the same of the matter: now its report is the one that counts.
        await self.reports.decide_anew({row["matter_id"] for row in rows}, REPEATED, self.unit.now)

    async def _tell(self, rows: Sequence[Row], why: Mapping[UUID, Rejection], news: str) -> None:
        what = {"rejected": "activity_rejected", "withdrawn": "reporter_withdrew"}[news]
        await self.reports.note(*(_note(row, what, why, self.unit.now) for row in rows))
        told = [
            update_of({"station": row["station"], "order_id": row["order_id"]}, row["report_id"], [news])
            for row in rows
            if row["order_id"] and row["state"] in IN_HAND
        ]
        await Deliveries(self.unit.connection).add(told, self.unit.now)

    def _closing(self, rejection: Rejection, units: Mapping[UUID, UUID]) -> Row:
        # He himself while his unit is not known here: the fact must not wait for it.
        closed_by = rejection.unit or units.get(rejection.by) or rejection.by
        return {
            "outcome": "withdrawn",
            "truth": None,
            "closed_by": closed_by,
            "closed_at": rejection.at,
            "cooperated": (),
            "record_seen": False,
            "fed_back_at": self.unit.now,
            "revision": 1,
        }


def _note(row: Row, what: str, why: Mapping[UUID, Rejection], now: datetime) -> Row:
    rejection = why[row["report_id"]]
    entry = {"report_id": row["report_id"], "at": now, "what": what, "code": rejection.cause}
    return entry | {"by_officer": None if rejection.unit else rejection.by, "by_org": rejection.unit}
