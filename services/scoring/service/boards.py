"""Scoreboards: who stands where, and where nobody stands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from services.scoring.errors import SchemeUnknown, SchemeUnusable
from services.scoring.repository import boards
from services.scoring.repository.boards import Position, Question, Ranked
from services.scoring.rules import measure_period
from services.scoring.rules.sentences import written
from services.scoring.schemas import Rank, Scoreboard, Summary
from services.scoring.service.contents import open_point
from services.scoring.service.reading import unmeasured
from services.scoring.service.rubrics import Rubrics, Scheme
from shared.database.unit import Unit
from shared.web.divisions import no_such_division
from shared.web.pages import encode_cursor


class Boards:
    """Rankings of one scheme and the period that holds a day, within the reader's jurisdiction."""

    def __init__(self, unit: Unit, rubrics: Rubrics, jurisdiction: str) -> None:
        self._connection = unit.connection
        self._rubrics = rubrics
        self._jurisdiction = jurisdiction

    async def page(self, division: str, day: date, scheme_id: str, after: Position | None, limit: int) -> Scoreboard:
        """Some places, best first."""
        scheme, ask = await self._ask(division, day, scheme_id)
        found = await boards.page(self._connection, ask, after, limit + 1)
        shown = found[:limit]
        more = encode_cursor((str(shown[-1].total), shown[-1].officer_id)) if len(found) > limit else None
        vacant = len(await boards.vacancies(self._connection, ask))
        return Scoreboard(items=await self._ranks(shown), next=more, vacancies=vacant, **await self._head(scheme, ask))

    async def summary(self, division: str, day: date, scheme_id: str, places: int) -> Summary:
        """The first and the last places, and the vacancies."""
        scheme, ask = await self._ask(division, day, scheme_id)
        vacant = await boards.vacancies(self._connection, ask)
        return Summary(
            top=await self._ranks(await boards.page(self._connection, ask, None, places)),
            bottom=await self._ranks(await boards.last_places(self._connection, ask, places)),
            vacancies=[{"code": code, "name": name} for code, name in vacant],
            **await self._head(scheme, ask),
        )

    async def _ask(self, division: str, day: date, scheme_id: str) -> tuple[Scheme, Question]:
        scheme = self._rubrics.find(scheme_id)
        if self._rubrics.is_broken(scheme_id):
            raise SchemeUnusable
        if scheme is None:
            raise SchemeUnknown("请检查 scheme;可用方案由适用登记决定")
        if not scheme.measured:
            raise unmeasured(scheme)
        period = measure_period(scheme.plan.rubric, day)
        ask = Question(scheme_id, period, division, self._jurisdiction)
        if not await boards.knows(self._connection, ask):
            raise no_such_division()
        return scheme, ask

    async def _head(self, scheme: Scheme, ask: Question) -> dict[str, Any]:
        return {
            "scheme": {"id": scheme.id, "title": scheme.plan.rubric.title, "version": scheme.version[:12]},
            "period": {"first": ask.period.first, "last": ask.period.last},
            "officers": await boards.officers_ranked(self._connection, ask),
            "pending": await boards.pending(self._connection, ask),
            "failed": await boards.failed(self._connection, ask),
            "withheld": [open_point(point) for point in scheme.plan.open],
        }

    async def _ranks(self, rows: Iterable[Ranked]) -> list[Rank]:
        ranked = list(rows)
        names = await boards.village_names(self._connection, {code for row in ranked for code in row.villages})
        return [
            Rank.model_validate(
                {
                    "rank": row.rank,
                    "officer": {"id": row.officer_id, "name": row.name or ""},
                    "villages": [{"code": code, "name": names.get(code)} for code in row.villages],
                    "total": written(row.total),
                    "grade": row.grade,
                    "vetoes": row.vetoes,
                }
            )
            for row in ranked
        ]
