"""Handlers that keep the read models: one statement per topic and batch, the whole state replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import MetaData, Table, TextClause, text

from shared.contracts.base import FactData
from shared.contracts.envelope import Fact
from shared.contracts.personnel import (
    AreaV1,
    AssignmentV1,
    DivisionV1,
    GroupV1,
    OfficerV1,
    OrganisationV1,
    SchemeBindingV1,
)
from shared.contracts.registry import types_for
from shared.database.unit import Unit
from shared.messaging.handling import Handler, Handlers, Refused
from shared.reference.states import as_columns
from shared.reference.tables import reference_tables

_KNOWN = MetaData()
reference_tables(_KNOWN)


def _upsert(table: Table) -> TextClause:
    """Rows travel as one JSON array: `unnest` cannot take the array columns (villages, serves, posts)."""
    key = table.primary_key.columns.keys()[0]
    names = [column.name for column in table.columns]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name != key)
    listed = ", ".join(names)
    return text(
        f"INSERT INTO {table.name} ({listed}) "  # noqa: S608  # names of our own tables
        f"SELECT {listed} FROM jsonb_populate_recordset(CAST(NULL AS {table.name}), CAST(:rows AS jsonb)) "
        f"ORDER BY {key} ON CONFLICT ({key}) DO UPDATE SET {changes}"
    )


def _keeps(table_name: str) -> Handler:
    table = _KNOWN.tables[table_name]
    statement, names = _upsert(table), [str(column.name) for column in table.columns]

    async def keep(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        """Replace the known state of each key by the last fact of the batch about it."""
        last = {fact.stream_key: as_columns(fact.data) for fact in facts}
        rows = [{name: row[name] for name in names} for row in last.values()]
        await unit.connection.execute(statement, {"rows": orjson.dumps(rows).decode()})
        return ()

    return keep


_TABLES: tuple[tuple[type[FactData], str], ...] = (
    (DivisionV1, "known_division"),
    (OrganisationV1, "known_organisation"),
    (AreaV1, "known_area"),
    (OfficerV1, "known_officer"),
    (AssignmentV1, "known_assignment"),
    (GroupV1, "known_group"),
    (SchemeBindingV1, "known_binding"),
)

REFERENCE: Handlers = {kind: _keeps(table) for kind, table in _TABLES}
"""All seven; a service takes those it reads with `reference_handlers`."""


def reference_handlers(service: str) -> dict[type[FactData], Handler]:
    """The handlers of the reference facts that the registry lists for this service."""
    return {kind: handler for kind, handler in REFERENCE.items() if types_for(service, kind.TOPIC)}
