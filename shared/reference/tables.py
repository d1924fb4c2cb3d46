"""The read models of personnel's reference facts, one row per key with its whole last state."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Index, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY


def reference_tables(metadata: MetaData) -> None:
    """Add the `known_…` tables to a service's own metadata."""
    _places(metadata)
    _people(metadata)
    _rest(metadata)


def _valid() -> tuple[Column[object], Column[object]]:
    """First and last day, both counted, Asia/Shanghai; no last day is open."""
    return Column("valid_from", Date, nullable=False), Column("valid_until", Date)


def _texts(name: str) -> Column[object]:
    return Column(name, ARRAY(Text), nullable=False)


def _places(metadata: MetaData) -> None:
    Table(
        "known_division",
        metadata,
        Column("code", Text, primary_key=True),
        Column("name", Text, nullable=False),
        Column("level", Text, nullable=False),
        Column("village_kind", Text, nullable=False),
        Column("parent", Text, index=True),
        *_valid(),
    )
    organisation = Table(
        "known_organisation",
        metadata,
        Column("org_id", Uuid, primary_key=True),
        Column("name", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("parent", Uuid),
        _texts("serves"),
        *_valid(),
    )
    Index("known_organisation_serves", organisation.c.serves, postgresql_using="gin")
    area = Table(
        "known_area",
        metadata,
        Column("area_id", Uuid, primary_key=True),
        Column("name", Text, nullable=False),
        _texts("villages"),
        Column("station", Uuid, nullable=False),
        *_valid(),
    )
    Index("known_area_villages", area.c.villages, postgresql_using="gin")


def _people(metadata: MetaData) -> None:
    Table(
        "known_officer",
        metadata,
        Column("officer_id", Uuid, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("badge", Text, index=True),
        Column("employer", Uuid, nullable=False),
        Column("station", Uuid, index=True),
        Column("status", Text, nullable=False),
        Column("full_time", Boolean, nullable=False),
        Column("account", Text, nullable=False),
        *_valid(),
    )
    assignment = Table(
        "known_assignment",
        metadata,
        Column("assignment_id", Uuid, primary_key=True),
        Column("officer_id", Uuid, nullable=False, index=True),
        Column("post", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("where_type", Text, nullable=False),
        Column("where_id", Text, nullable=False),
        Column("backup_of", Uuid),
        *_valid(),
    )
    Index("known_assignment_where", assignment.c.where_type, assignment.c.where_id)


def _rest(metadata: MetaData) -> None:
    Table(
        "known_group",
        metadata,
        Column("group_id", Uuid, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("village", Text, nullable=False, index=True),
        Column("members", Integer, nullable=False),
        Column("trained_members", Integer, nullable=False),
        Column("state", Text, nullable=False),
        *_valid(),
    )
    Table(
        "known_binding",
        metadata,
        Column("binding_id", Uuid, primary_key=True),
        Column("jurisdiction", Text, nullable=False),
        Column("scheme", Text, nullable=False),
        Column("version", Text, nullable=False),
        _texts("posts"),
        Column("use", Text, nullable=False),
        *_valid(),
    )
