"""The things that are put whole: what is known of them, writing what changed, reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, Select, String, Table, TextClause, cast, false, literal, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from services.personnel import tables
from services.personnel.schemas.items import Item, Ref
from shared.contracts.base import FactData
from shared.reference.states import as_columns
from shared.security.jurisdiction import within


@dataclass(frozen=True, slots=True)
class Known:
    """What the rules need to know of a thing that is here."""

    jurisdiction: str
    since: date
    until: date | None
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A whole state and the jurisdiction it lies in."""

    state: FactData
    jurisdiction: str


class States:
    """Rows of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def known(self, refs: Iterable[Ref]) -> dict[Ref, Known]:
        """Those of the things that are here, in one statement."""
        wanted: defaultdict[str, set[str]] = defaultdict(set)
        for kind, id in refs:
            wanted[kind].add(id)
        parts = [_known(kind, ids) for kind, ids in wanted.items() if kind in tables.metadata.tables]
        if not parts:
            return {}
        rows = await self._connection.execute(union_all(*parts))
        return {Ref(r.kind, r.id): Known(r.jurisdiction, r.valid_from, r.valid_until, r.erased) for r in rows}

    async def save(self, kind: type[Item], changes: Sequence[Change]) -> dict[str, bool]:
        """Write the states; the keys of those that are new (True) or changed (False)."""
        if not changes:
            return {}
        rows = [as_columns(change.state) | {"jurisdiction": change.jurisdiction} for change in changes]
        statement = _upsert(tables.metadata.tables[kind.TABLE])
        written = await self._connection.execute(statement, {"rows": orjson.dumps(rows).decode()})
        return {row.key: row.created for row in written}

    async def one(self, kind: type[Item], key: str | UUID, division: str) -> RowMapping | None:
        """The row of a thing inside the division."""
        table = tables.metadata.tables[kind.TABLE]
        found = await self._connection.execute(
            select(table).where(_key(table) == key, within(table.c.jurisdiction, division))
        )
        return found.mappings().one_or_none()

    async def page(
        self, kind: type[Item], divisions: Sequence[str], after: str | UUID | None, limit: int
    ) -> Sequence[RowMapping]:
        """The rows inside all the divisions, ordered by key, after a position."""
        table = tables.metadata.tables[kind.TABLE]
        inside = [within(table.c.jurisdiction, division) for division in divisions]
        query = select(table).where(*inside).order_by(_key(table)).limit(limit)
        if after is not None:
            query = query.where(_key(table) > after)
        return (await self._connection.execute(query)).mappings().all()


def _key(table: Table) -> Any:
    return next(iter(table.primary_key.columns))


def _known(kind: str, ids: set[str]) -> Select[Any]:
    table = tables.metadata.tables[kind]
    key = _key(table)
    erased = table.c.erased_at.is_not(None) if "erased_at" in table.c else false()
    wanted = _uuids(ids) if key.type.python_type is UUID else ids
    return select(
        literal(kind).label("kind"),
        cast(key, String).label("id"),
        table.c.jurisdiction,
        table.c.valid_from,
        table.c.valid_until,
        erased.label("erased"),
    ).where(key.in_(wanted))


def _uuids(ids: set[str]) -> list[UUID]:
    """An assignment's place arrives as text: what is no UUID names nothing."""
    found = []
    for id in ids:
        try:
            found.append(UUID(id))
        except ValueError:
            continue
    return found


def _upsert(table: Table) -> TextClause:
    """Writes only what differs, so that `RETURNING` names exactly the facts to publish.

    Rows travel as one JSON array, for `unnest` cannot take the array columns.
    """
    key = _key(table).name
    names = [column.name for column in table.columns if column.name != "erased_at"]
    fields = [name for name in names if name != key]
    listed = ", ".join(names)
    return text(
        f"INSERT INTO {table.name} AS mine ({listed}) "  # noqa: S608  # names of our own tables
        f"SELECT {listed} FROM jsonb_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS jsonb)) "
        f"ORDER BY {key} ON CONFLICT ({key}) DO UPDATE SET {', '.join(f'{f} = excluded.{f}' for f in fields)} "
        f"WHERE ({', '.join(f'mine.{f}' for f in fields)}) "
        f"IS DISTINCT FROM ({', '.join(f'excluded.{f}' for f in fields)}) "
        f"RETURNING CAST(mine.{key} AS text) AS key, old.{key} IS NULL AS created"
    )
