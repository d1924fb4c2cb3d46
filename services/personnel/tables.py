"""The tables of personnel. A thing's columns are the fields of its fact, and the jurisdiction it belongs to."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.database.tables import instant, shared_tables

metadata = MetaData()
shared_tables(metadata)


def _text(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _texts(name: str) -> Column[list[str]]:
    return Column(name, ARRAY(Text), nullable=False)


def _one(name: str, target: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, Uuid, ForeignKey(target), nullable=nullable, index=True)


def _valid_and_home() -> tuple[Column[object], ...]:
    """First and last day (both counted), and the division the thing lies in, unpadded."""
    return (
        Column("valid_from", Date, nullable=False),
        Column("valid_until", Date),
        Column("jurisdiction", Text, nullable=False, index=True),
    )


division = Table(
    "division",
    metadata,
    Column("code", Text, primary_key=True),
    _text("code15", nullable=True),
    _text("name"),
    # What the last edition imported said, if any did.
    _text("imported_name", nullable=True),
    _text("level"),
    _text("village_kind"),
    Column("kind_corrected", Boolean, nullable=False),
    _text("urban_rural", nullable=True),
    Column("parent", Text, ForeignKey("division.code"), index=True),
    _texts("neighbours"),
    Column("predecessors", JSONB, nullable=False),
    *_valid_and_home(),
)

organisation = Table(
    "organisation",
    metadata,
    Column("org_id", Uuid, primary_key=True),
    _text("name"),
    _text("kind"),
    _one("parent", "organisation.org_id", nullable=True),
    _texts("serves"),
    _text("official_code", nullable=True),
    *_valid_and_home(),
)

area = Table(
    "area",
    metadata,
    Column("area_id", Uuid, primary_key=True),
    _text("name"),
    _texts("villages"),
    _one("station", "organisation.org_id"),
    Column("rural", Boolean, nullable=False),
    *_valid_and_home(),
)

officer = Table(
    "officer",
    metadata,
    Column("officer_id", Uuid, primary_key=True),
    _text("kind"),
    _text("name"),
    _text("badge", nullable=True),
    _one("employer", "organisation.org_id"),
    _one("station", "organisation.org_id", nullable=True),
    Column("full_time", Boolean, nullable=False),
    _text("status"),
    _text("account"),
    Column("patrol_ready_from", Date),
    *_valid_and_home(),
    instant("erased_at", nullable=True),
)

# Citizen and phone numbers, one row each: sealed, found by blind index only, in no fact.
officer_number = Table(
    "officer_number",
    metadata,
    Column("officer_id", Uuid, ForeignKey("officer.officer_id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("blind_index", LargeBinary, nullable=False),
)
Index("officer_number_blind_index", officer_number.c.kind, officer_number.c.blind_index)

assignment = Table(
    "assignment",
    metadata,
    Column("assignment_id", Uuid, primary_key=True),
    Column("officer_id", Uuid, ForeignKey("officer.officer_id"), nullable=False),
    _text("post"),
    _text("role"),
    _text("title", nullable=True),
    _text("where_type"),
    _text("where_id"),
    _one("backup_of", "assignment.assignment_id", nullable=True),
    _text("exception", nullable=True),
    *_valid_and_home(),
)
Index("assignment_where", assignment.c.where_type, assignment.c.where_id)
Index("assignment_post", *(assignment.c[name] for name in ("officer_id", "where_id", "post", "role", "valid_from")))

prevention_group = Table(
    "prevention_group",
    metadata,
    Column("group_id", Uuid, primary_key=True),
    _text("kind"),
    Column("village", Text, ForeignKey("division.code"), nullable=False, index=True),
    Column("members", Integer, nullable=False),
    Column("trained_members", Integer, nullable=False),
    _text("state"),
    _one("confirmed_by", "organisation.org_id", nullable=True),
    *_valid_and_home(),
)

scheme_binding = Table(
    "scheme_binding",
    metadata,
    Column("binding_id", Uuid, primary_key=True),
    _text("scheme"),
    _text("version"),
    _texts("posts"),
    _text("use"),
    *_valid_and_home(),
)
