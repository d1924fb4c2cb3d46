"""The staging table of a division import and the one switch that brings it into force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import date
from typing import Any

from sqlalchemy import Executable, RowMapping, Text, column, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.personnel.tables import division

_COLUMNS = ("line", "code", "name", "parent", "village_kind", "jurisdiction")

_CREATE = (
    """CREATE TEMPORARY TABLE division_staging (
        line integer NOT NULL, code text NOT NULL, name text NOT NULL, parent text,
        village_kind text NOT NULL, jurisdiction text NOT NULL
    ) ON COMMIT DROP""",
    "CREATE TEMPORARY TABLE division_switched (code text PRIMARY KEY, created boolean NOT NULL) ON COMMIT DROP",
)

_REPEATED = text(
    """
    SELECT line, code, first_line FROM (
        SELECT line, code, min(line) OVER (PARTITION BY code) AS first_line FROM division_staging
    ) AS counted WHERE line > first_line ORDER BY line LIMIT :limit
    """
)

_ORPHANS = text(
    """
    SELECT line, parent FROM division_staging s
    WHERE parent IS NOT NULL AND NOT EXISTS (SELECT FROM division d WHERE d.code = s.parent)
    ORDER BY line LIMIT :limit
    """
)

_ABROAD = text(
    "SELECT line, code FROM division_staging WHERE NOT starts_with(jurisdiction, :division) ORDER BY line LIMIT :limit"
)

# A known code keeps its dates, its history, and a name or kind that somebody mended by hand; only what the file says
# moves. A name is mended by hand where it is not what the last edition said.
_SWITCH = text(
    """
    WITH switched AS (
        INSERT INTO division AS d (code, name, imported_name, level, village_kind, kind_corrected, parent, neighbours,
                                   predecessors, valid_from, jurisdiction)
        SELECT code, name, name, :level, village_kind, false, parent, '{}', '[]', :valid_from, jurisdiction
        FROM division_staging ORDER BY code
        ON CONFLICT (code) DO UPDATE SET
            name = CASE WHEN d.name = d.imported_name THEN excluded.name ELSE d.name END, parent = excluded.parent,
            village_kind = CASE WHEN d.kind_corrected THEN d.village_kind ELSE excluded.village_kind END
        WHERE (d.name = d.imported_name AND d.name <> excluded.name) OR d.parent IS DISTINCT FROM excluded.parent
           OR (d.village_kind <> excluded.village_kind AND NOT d.kind_corrected)
        RETURNING d.code, old.code IS NULL AS created
    )
    INSERT INTO division_switched SELECT code, created FROM switched
    """
)

_KEPT = text(
    """
    SELECT d.code, d.name, s.name AS imported FROM division_staging s JOIN division d USING (code)
    WHERE d.name <> s.name ORDER BY d.code
    """
)
_REMEMBER = text(
    """
    UPDATE division d SET imported_name = s.name FROM division_staging s
    WHERE d.code = s.code AND d.imported_name IS DISTINCT FROM s.name
    """
)

# Of the places whose parts the file lists: what was in force and is not in it.
_MISSING = text(
    """
    SELECT d.code, d.name FROM division d
    WHERE d.level = :level AND d.parent IN (SELECT DISTINCT parent FROM division_staging)
      AND (d.valid_until IS NULL OR d.valid_until >= :valid_from)
      AND NOT EXISTS (SELECT FROM division_staging s WHERE s.code = d.code)
    ORDER BY d.code
    """
)

_COUNTS = text("SELECT count(*) AS touched, count(*) FILTER (WHERE created) AS created FROM division_switched")

_SWITCHED = table("division_switched", column("code", Text))


@dataclass(frozen=True, slots=True)
class Staged:
    """A row as it is staged; codes have 12 digits, the jurisdiction none of the padding."""

    line: int
    code: str
    name: str
    parent: str | None
    village_kind: str
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class Switched:
    """How many divisions are new and how many were changed."""

    created: int
    changed: int


class DivisionStaging:
    """One import in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def open(self) -> None:
        """Create the staging tables; they end with the transaction."""
        for statement in _CREATE:
            await self._connection.execute(text(statement))

    async def add(self, rows: Iterable[Staged]) -> None:
        """Copy rows into the staging table."""
        raw = await self._connection.get_raw_connection()
        driver: Any = raw.driver_connection
        await driver.copy_records_to_table("division_staging", records=map(astuple, rows), columns=_COLUMNS)

    async def repeated(self, limit: int) -> Sequence[RowMapping]:
        """Lines whose code an earlier line has."""
        return await self._all(_REPEATED, limit=limit)

    async def orphans(self, limit: int) -> Sequence[RowMapping]:
        """Lines whose parent is not known."""
        return await self._all(_ORPHANS, limit=limit)

    async def abroad(self, division: str, limit: int) -> Sequence[RowMapping]:
        """Lines outside a jurisdiction."""
        return await self._all(_ABROAD, division=division, limit=limit)

    async def kept(self) -> Sequence[RowMapping]:
        """Divisions whose name somebody mended by hand, after the switch; what the file says is remembered."""
        kept = await self._all(_KEPT)
        await self._connection.execute(_REMEMBER)
        return kept

    async def missing(self, level: str, valid_from: date) -> Sequence[RowMapping]:
        """Divisions of the places in the file that it does not have; nothing ends them."""
        return await self._all(_MISSING, level=level, valid_from=valid_from)

    async def switch(self, level: str, valid_from: date) -> Switched:
        """Bring the staged rows into force; those that say nothing new are left alone."""
        await self._connection.execute(_SWITCH, {"level": level, "valid_from": valid_from})
        counts = (await self._connection.execute(_COUNTS)).one()
        return Switched(counts.created, counts.touched - counts.created)

    async def touched(self, after: str, limit: int) -> Sequence[RowMapping]:
        """The rows the switch wrote, by code, after a position."""
        query = select(division).join(_SWITCHED, _SWITCHED.c.code == division.c.code)
        query = query.where(_SWITCHED.c.code > after).order_by(_SWITCHED.c.code).limit(limit)
        return await self._all(query)

    async def _all(self, statement: Executable, **values: Any) -> Sequence[RowMapping]:
        return (await self._connection.execute(statement, values)).mappings().all()
