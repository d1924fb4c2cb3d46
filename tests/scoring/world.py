"""Scoring with its database: facts reach the ledger as they do in the worker, sheets come out by the recompute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.scoring.handlers import HANDLERS
from services.scoring.repository.marks import Mark, mark_everybody, take_marks
from services.scoring.repository.sheets import Key, StoredSheet, sheets_of
from services.scoring.service.recompute import Recompute
from services.scoring.service.rubrics import Rubrics
from shared.database.unit import Database
from shared.messaging.handling import in_one
from tests.owner import as_owner
from tests.scoring.facts import OFFICER, Facts, Said

DEMO_SCHEMES = Path(__file__).parents[2] / "deploy" / "demo" / "schemes"
ALWAYS = (date.min, date.max)
EVERYBODY = 1_000


@dataclass
class World:
    """Scoring with its database: facts go in by the handlers, sheets come out by the recompute."""

    database: Database
    facts: Facts = field(default_factory=Facts)
    rubrics: Rubrics = field(default_factory=lambda: Rubrics(DEMO_SCHEMES))

    officer: UUID = OFFICER

    async def begin(self) -> None:
        await self.hear(self.facts.officer(), self.facts.assignment(), self.facts.binding())

    async def forget(self) -> None:
        """No ledger and no sheets, as before the first fact; who is where stays known."""
        await as_owner(self.database.url, "TRUNCATE ledger_entry, group_state, sheet, opened_month, dirty_mark")

    async def hear(self, *facts: Said) -> None:
        """Every topic's facts as one batch, in the order given, each batch committed on its own."""
        by_topic: dict[str, list[Said]] = {}
        for fact in facts:
            by_topic.setdefault(fact.data.TOPIC, []).append(fact)
        for batch in by_topic.values():
            async with self.database.unit() as unit:
                assert await in_one(HANDLERS)(batch, unit) == ()

    async def all_due(self) -> None:
        """Let no mark wait for more facts."""
        async with self.database.unit() as unit:
            await unit.connection.execute(text("UPDATE dirty_mark SET marked_at = now() - interval '1 minute'"))

    async def recompute(self) -> None:
        """Score everybody who is marked, now."""
        await self.all_due()
        async with self.database.unit() as unit:
            if marks := await take_marks(unit.connection, EVERYBODY):
                await Recompute(unit, self.rubrics).of(marks)

    async def score(self, *facts: Said) -> StoredSheet:
        """What October is worth once these facts are known."""
        await self.hear(*facts)
        await self.recompute()
        return await self.sheet()

    async def sheets(self, *officers: UUID) -> dict[Key, StoredSheet]:
        async with self.database.unit() as unit:
            return await sheets_of(unit.connection, officers or (OFFICER,))

    async def sheet(self, officer: UUID = OFFICER) -> StoredSheet:
        return (await self.sheets(officer))[(officer, "wenquan", date(2026, 10, 1))]

    async def from_nothing(self, officers: Iterable[UUID] = (OFFICER,)) -> dict[Key, str]:
        """Digests of what the ledger alone gives, nothing stored looked at."""
        async with self.database.unit() as unit:
            computed = (
                await Recompute(unit, self.rubrics).computed([Mark(officer, *ALWAYS) for officer in officers])
            ).sheets
        return {key: sheet.digest for key, sheet in computed.items()}

    async def digests(self) -> dict[Key, str]:
        return {key: sheet.digest for key, sheet in (await self.sheets()).items()}

    async def mark_everybody(self) -> None:
        async with self.database.unit() as unit:
            await mark_everybody(unit.connection)

    async def rows(self, query: str) -> list[Any]:
        async with self.database.unit() as unit:
            return list((await unit.connection.execute(text(query))).all())


def line(sheet: StoredSheet, item: str) -> dict[str, Any]:
    found: dict[str, Any] = next(line for line in sheet.content["lines"] if line["item"] == item)
    return found
