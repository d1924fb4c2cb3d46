"""What may be read: work lists, single activities with their history, the feed of changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from services.fieldwork.errors.deciding import ActivityNotFound, CountyRequired, StationNotFound
from services.fieldwork.errors.naming import OutsideJurisdiction
from services.fieldwork.repository import activities, changes, people
from services.fieldwork.rules.places import COUNTY_DIGITS, county_of
from services.fieldwork.schemas.told import ActivityView, Changes, ChangeView, VerdictView, WaitingActivity
from services.fieldwork.service.lateness import days_late
from shared.clock import shanghai_day
from shared.database.unit import Unit
from shared.security.audit import record_restricted_read
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.pages import Page, decode_cursor, encode_cursor

VERIFY = "fieldwork:verify"


class Reading:
    """Questions of one request."""

    def __init__(self, unit: Unit, who: Principal) -> None:
        self._unit = unit
        self._who = who

    async def waiting(self, station: UUID, after: str | None, limit: int) -> Page[WaitingActivity]:
        """What waits for a station's verdict, oldest work first."""
        served = await people.served(self._unit.connection, station)
        if not any(self._who.covers(code) for code in served):
            raise StationNotFound("请核对单位编号")
        position = decode_cursor(after, tuple[datetime, UUID]) if after else None
        today = shanghai_day(self._unit.now)
        rows = await activities.waiting(self._unit.connection, station, self._who, today, position, limit + 1)
        shown = [WaitingActivity.model_validate(dict(row._mapping) | _late(row)) for row in rows[:limit]]
        await self._leave_trace((item.id, item.classification) for item in shown)
        more = len(rows) > limit
        return Page(items=shown, next=encode_cursor((shown[-1].since, shown[-1].id)) if more else None)

    async def activity(self, id: UUID, vault: Vault) -> ActivityView:
        """One activity with its history; reading restricted content leaves a trace."""
        row = await activities.find(self._unit.connection, id, self._who)
        if row is None:
            raise ActivityNotFound
        history = (await activities.history(self._unit.connection, [id])).get(id, [])
        await self._leave_trace([(row.id, row.classification)])
        said = dict(row._mapping) | _late(row)
        said["note"] = vault.open(row.note) if row.note and self._may_read_note(row) else None
        verdicts = [VerdictView.model_validate(dict(verdict._mapping)) for verdict in history]
        return ActivityView.model_validate(said | {"history": verdicts})

    async def _leave_trace(self, shown: Iterable[tuple[UUID, str]]) -> None:
        """Reading restricted content is audited."""
        restricted = [id for id, classification in shown if classification == "restricted"]
        await record_restricted_read(self._unit, self._who, "fieldwork", restricted)

    def _may_read_note(self, row: Any) -> bool:
        """Need to know: who has to decide about the work, and who did it."""
        return VERIFY in self._who.scopes or self._who.officer_id in (row.author, row.done_by)

    async def changes(self, county: str | None, after: int, limit: int) -> Changes:
        """What became of items of a county, in the order it was committed."""
        county = county or county_of(self._who.division)
        if len(county) < COUNTY_DIGITS:
            raise CountyRequired("请用 county 指明 6 位县级区划代码")
        if not (self._who.covers(county) or self._who.division.startswith(county)):
            raise OutsideJurisdiction
        rows = await changes.read(self._unit.connection, county, self._who, after, limit)
        await self._leave_trace((row["item_id"], row["classification"]) for row in rows)
        shown = [ChangeView.model_validate(row) for row in rows]
        return Changes(items=shown, next=shown[-1].position if shown else after)


def _late(row: Any) -> dict[str, int]:
    return {"days_late": days_late(row.day, shanghai_day(row.recorded_at))}
