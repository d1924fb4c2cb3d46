"""The things that are put whole: what is known of them, writing what changed, reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    String,
    Table,
    TextClause,
    Uuid,
    any_,
    cast,
    false,
    literal,
    null,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from services.personnel import tables
from services.personnel.schemas.items import AssignmentItem, Item, Ref
from shared.contracts.base import FactData, Period
from shared.identifiers import normal_badge
from shared.reference.states import as_columns
from shared.security.jurisdiction import within

OURS = ("erased_at", "imported_name")
"""Columns that nobody puts."""

_BADGES = text(
    """
    SELECT officer_id, badge, valid_from AS since, valid_until AS until FROM officer
    WHERE upper(btrim(normalize(badge, NFKC))) = ANY(CAST(:badges AS text[])) AND status <> 'left' AND erased_at IS NULL
    """
)
_BOUND = text(
    """
    SELECT binding_id, jurisdiction, posts, valid_from AS since, valid_until AS until FROM scheme_binding
    WHERE jurisdiction = ANY(CAST(:jurisdictions AS text[])) AND use = 'governing'
    """
)
_POSTS = text(
    """
    SELECT DISTINCT a.assignment_id, a.officer_id, a.where_type, a.where_id, a.post, a.role,
           a.valid_from AS since, a.valid_until AS until
    FROM unnest(CAST(:officers AS uuid[]), CAST(:types AS text[]), CAST(:places AS text[]), CAST(:posts AS text[]),
                CAST(:roles AS text[]), CAST(:firsts AS date[]), CAST(:lasts AS date[]))
        AS w(officer_id, where_type, where_id, post, role, first, last)
    JOIN assignment a USING (officer_id, where_type, where_id, post, role)
    WHERE a.valid_from <= COALESCE(w.last, 'infinity') AND w.first <= COALESCE(a.valid_until, 'infinity')
    """
)
_HOLD = text(
    """
    SELECT pg_advisory_xact_lock(hashtextextended('personnel ' || name, 0))
    FROM (SELECT unnest(CAST(:names AS text[])) AS name ORDER BY 1) AS sorted
    """
)

_ASSIGNED = text(
    """
    SELECT officer_id, count(*) AS number, min(valid_from) AS since,
           CASE WHEN bool_and(valid_until IS NOT NULL) THEN max(valid_until) END AS until
    FROM assignment WHERE officer_id = ANY(CAST(:officers AS uuid[])) GROUP BY officer_id
    """
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the rules need to know of a thing that is here; `holder` is the officer of an assignment."""

    jurisdiction: str
    since: date
    until: date | None
    erased: bool = False
    holder: UUID | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """Something of which there is one on a day, and who has it when."""

    by: UUID
    what: str
    when: Period


@dataclass(frozen=True, slots=True)
class Assigned:
    """How many assignments an officer has, and from the first to the last day of them all."""

    number: int
    days: Period


@dataclass(frozen=True, slots=True)
class Change:
    """A whole state and the jurisdiction it lies in."""

    state: FactData
    jurisdiction: str


class States:
    """Rows of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, refs: Iterable[Ref]) -> None:
        """Hold those of the things that are here until the commit, so that what is judged of them stays true."""
        for kind, ids in sorted(_by_kind(refs).items()):
            table = tables.metadata.tables[kind]
            query = select(literal(1)).where(_is_one_of(table, ids)).order_by(_key(table))
            # Not against those who only refer to the thing, as a foreign key does.
            await self._connection.execute(query.with_for_update(key_share=True))

    async def known(self, refs: Iterable[Ref]) -> dict[Ref, Known]:
        """Those of the things that are here, in one statement."""
        parts = [_known(kind, ids) for kind, ids in _by_kind(refs).items() if kind in tables.metadata.tables]
        if not parts:
            return {}
        rows = await self._connection.execute(union_all(*parts))
        return {Ref(r.kind, r.id): Known(r.jurisdiction, r.valid_from, r.valid_until, r.erased, r.holder) for r in rows}

    async def hold(self, names: Iterable[str]) -> None:
        """Until the commit nobody else judges what concerns these badges or jurisdictions."""
        if wanted := sorted(set(names)):
            await self._connection.execute(_HOLD, {"names": wanted})

    async def badges(self, badges: Collection[str]) -> list[Taken]:
        """Who of those in service has these badges, from when to when."""
        if not badges:
            return []
        rows = await self._connection.execute(_BADGES, {"badges": list(badges)})
        return [Taken(r.officer_id, normal_badge(r.badge), Period(since=r.since, until=r.until)) for r in rows]

    async def bound(self, jurisdictions: Collection[str]) -> list[Taken]:
        """What governs these jurisdictions, a line for each post."""
        if not jurisdictions:
            return []
        rows = await self._connection.execute(_BOUND, {"jurisdictions": list(jurisdictions)})
        return [
            Taken(r.binding_id, f"{r.jurisdiction} {post}", Period(since=r.since, until=r.until))
            for r in rows
            for post in r.posts
        ]

    async def posts(self, wanted: Sequence[AssignmentItem]) -> list[Taken]:
        """Who holds what these assignments want, on one of their days."""
        if not wanted:
            return []
        columns = {
            "officers": [item.officer_id for item in wanted],
            "types": [item.where.type for item in wanted],
            "places": [item.where.id for item in wanted],
            "posts": [item.post for item in wanted],
            "roles": [item.role for item in wanted],
            "firsts": [item.valid.since for item in wanted],
            "lasts": [item.valid.until for item in wanted],
        }
        return [
            Taken(
                r.assignment_id,
                held_post(r.officer_id, r.where_type, r.where_id, r.post, r.role),
                Period(since=r.since, until=r.until),
            )
            for r in await self._connection.execute(_POSTS, columns)
        ]

    async def assigned(self, officers: Collection[UUID]) -> dict[UUID, Assigned]:
        """What all assignments of each officer who has any come to."""
        if not officers:
            return {}
        found = await self._connection.execute(_ASSIGNED, {"officers": list(officers)})
        return {r.officer_id: Assigned(r.number, Period(since=r.since, until=r.until)) for r in found}

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


def held_post(officer: UUID, place_type: str, place: str, post: str, role: str) -> str:
    """What an officer is assigned to once on a day; the title is a mere label."""
    return f"{officer} {place_type} {place} {post} {role}"


def _key(table: Table) -> Any:
    return next(iter(table.primary_key.columns))


def _by_kind(refs: Iterable[Ref]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for kind, id in refs:
        found[kind].add(id)
    return found


def _known(kind: str, ids: set[str]) -> Select[Any]:
    table = tables.metadata.tables[kind]
    erased = table.c.erased_at.is_not(None) if "erased_at" in table.c else false()
    holder = table.c.officer_id if table is tables.assignment else cast(null(), Uuid)
    return select(
        literal(kind).label("kind"),
        cast(_key(table), String).label("id"),
        table.c.jurisdiction,
        table.c.valid_from,
        table.c.valid_until,
        erased.label("erased"),
        holder.label("holder"),
    ).where(_is_one_of(table, ids))


def _is_one_of(table: Table, ids: set[str]) -> ColumnElement[bool]:
    """One parameter however many there are: a statement has at most 32,767."""
    key = _key(table)
    wanted: list[Any] = _uuids(ids) if key.type.python_type is UUID else list(ids)
    found: ColumnElement[bool] = key == any_(cast(wanted, ARRAY(key.type)))
    return found


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
    names = [column.name for column in table.columns if column.name not in OURS]
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
