"""The read models as a migration step: the first migration of fieldwork, scoring and intel calls it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY


def create_reference_tables() -> None:
    """Create the `known_…` tables as they were at version 1 of a service.

    Whatever changes afterwards is a further migration of each service; this one stays as it is.
    """
    _places()
    _people()
    _rest()


def add_account_and_use() -> None:
    """Add what version 2 of the read models tells: an officer's account, and what a binding is for.

    What was told before governs; an account nobody told of is taken for open until its officer is told of again.
    """
    op.add_column("known_officer", sa.Column("account", sa.Text, nullable=False, server_default="open"))
    op.add_column("known_binding", sa.Column("use", sa.Text, nullable=False, server_default="governing"))
    op.alter_column("known_officer", "account", server_default=None)
    op.alter_column("known_binding", "use", server_default=None)


def _valid() -> tuple[sa.Column[object], ...]:
    return sa.Column("valid_from", sa.Date, nullable=False), sa.Column("valid_until", sa.Date)


def _places() -> None:
    op.create_table(
        "known_division",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("village_kind", sa.Text, nullable=False),
        sa.Column("parent", sa.Text, index=True),
        *_valid(),
    )
    op.create_table(
        "known_organisation",
        sa.Column("org_id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("parent", sa.Uuid),
        sa.Column("serves", ARRAY(sa.Text), nullable=False),
        *_valid(),
    )
    op.create_index("known_organisation_serves", "known_organisation", ["serves"], postgresql_using="gin")
    op.create_table(
        "known_area",
        sa.Column("area_id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("villages", ARRAY(sa.Text), nullable=False),
        sa.Column("station", sa.Uuid, nullable=False),
        *_valid(),
    )
    op.create_index("known_area_villages", "known_area", ["villages"], postgresql_using="gin")


def _people() -> None:
    op.create_table(
        "known_officer",
        sa.Column("officer_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("badge", sa.Text, index=True),
        sa.Column("employer", sa.Uuid, nullable=False),
        sa.Column("station", sa.Uuid, index=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("full_time", sa.Boolean, nullable=False),
        *_valid(),
    )
    op.create_table(
        "known_assignment",
        sa.Column("assignment_id", sa.Uuid, primary_key=True),
        sa.Column("officer_id", sa.Uuid, nullable=False, index=True),
        sa.Column("post", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("where_type", sa.Text, nullable=False),
        sa.Column("where_id", sa.Text, nullable=False),
        sa.Column("backup_of", sa.Uuid),
        *_valid(),
    )
    op.create_index("known_assignment_where", "known_assignment", ["where_type", "where_id"])


def _rest() -> None:
    op.create_table(
        "known_group",
        sa.Column("group_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("village", sa.Text, nullable=False, index=True),
        sa.Column("members", sa.Integer, nullable=False),
        sa.Column("trained_members", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        *_valid(),
    )
    op.create_table(
        "known_binding",
        sa.Column("binding_id", sa.Uuid, primary_key=True),
        sa.Column("jurisdiction", sa.Text, nullable=False),
        sa.Column("scheme", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("posts", ARRAY(sa.Text), nullable=False),
        *_valid(),
    )
