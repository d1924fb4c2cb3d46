"""The first tables of personnel."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.database.migrations import create_shared_tables

revision = "personnel_0001"
down_revision = None


def upgrade() -> None:
    """Create them."""
    create_shared_tables()
    _places()
    _people()
    _rest()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _valid_and_home() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date()),
        sa.Column("jurisdiction", sa.Text(), nullable=False),
    )


def _places() -> None:
    op.create_table(
        "division",
        _text("code"),
        sa.Column("code15", sa.Text()),
        _text("name"),
        _text("level"),
        _text("village_kind"),
        sa.Column("kind_corrected", sa.Boolean(), nullable=False),
        sa.Column("urban_rural", sa.Text()),
        sa.Column("parent", sa.Text()),
        sa.Column("neighbours", ARRAY(sa.Text()), nullable=False),
        sa.Column("predecessors", JSONB(), nullable=False),
        *_valid_and_home(),
        sa.ForeignKeyConstraint(["parent"], ["division.code"]),
        sa.PrimaryKeyConstraint("code"),
    )
    op.create_index("ix_division_jurisdiction", "division", ["jurisdiction"])
    op.create_index("ix_division_parent", "division", ["parent"])
    op.create_table(
        "organisation",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        _text("name"),
        _text("kind"),
        sa.Column("parent", sa.Uuid()),
        sa.Column("serves", ARRAY(sa.Text()), nullable=False),
        sa.Column("official_code", sa.Text()),
        *_valid_and_home(),
        sa.ForeignKeyConstraint(["parent"], ["organisation.org_id"]),
        sa.PrimaryKeyConstraint("org_id"),
    )
    op.create_index("ix_organisation_jurisdiction", "organisation", ["jurisdiction"])
    op.create_index("ix_organisation_parent", "organisation", ["parent"])
    op.create_table(
        "area",
        sa.Column("area_id", sa.Uuid(), nullable=False),
        _text("name"),
        sa.Column("villages", ARRAY(sa.Text()), nullable=False),
        sa.Column("station", sa.Uuid(), nullable=False),
        sa.Column("rural", sa.Boolean(), nullable=False),
        *_valid_and_home(),
        sa.ForeignKeyConstraint(["station"], ["organisation.org_id"]),
        sa.PrimaryKeyConstraint("area_id"),
    )
    op.create_index("ix_area_jurisdiction", "area", ["jurisdiction"])
    op.create_index("ix_area_station", "area", ["station"])


def _people() -> None:
    op.create_table(
        "officer",
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        _text("kind"),
        _text("name"),
        sa.Column("badge", sa.Text()),
        sa.Column("employer", sa.Uuid(), nullable=False),
        sa.Column("station", sa.Uuid()),
        sa.Column("full_time", sa.Boolean(), nullable=False),
        _text("status"),
        _text("account"),
        sa.Column("patrol_ready_from", sa.Date()),
        *_valid_and_home(),
        sa.Column("erased_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["employer"], ["organisation.org_id"]),
        sa.ForeignKeyConstraint(["station"], ["organisation.org_id"]),
        sa.PrimaryKeyConstraint("officer_id"),
    )
    op.create_index("ix_officer_employer", "officer", ["employer"])
    op.create_index("ix_officer_jurisdiction", "officer", ["jurisdiction"])
    op.create_index("ix_officer_station", "officer", ["station"])
    op.create_table(
        "officer_number",
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        _text("kind"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("blind_index", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.officer_id"]),
        sa.PrimaryKeyConstraint("officer_id", "kind"),
    )
    op.create_index("officer_number_blind_index", "officer_number", ["kind", "blind_index"])
    op.create_table(
        "assignment",
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("officer_id", sa.Uuid(), nullable=False),
        _text("post"),
        _text("role"),
        sa.Column("title", sa.Text()),
        _text("where_type"),
        _text("where_id"),
        sa.Column("backup_of", sa.Uuid()),
        sa.Column("exception", sa.Text()),
        *_valid_and_home(),
        sa.ForeignKeyConstraint(["backup_of"], ["assignment.assignment_id"]),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.officer_id"]),
        sa.PrimaryKeyConstraint("assignment_id"),
    )
    op.create_index("assignment_where", "assignment", ["where_type", "where_id"])
    op.create_index("ix_assignment_backup_of", "assignment", ["backup_of"])
    op.create_index("ix_assignment_jurisdiction", "assignment", ["jurisdiction"])
    op.create_index("ix_assignment_officer_id", "assignment", ["officer_id"])


def _rest() -> None:
    op.create_table(
        "prevention_group",
        sa.Column("group_id", sa.Uuid(), nullable=False),
        _text("kind"),
        _text("village"),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("trained_members", sa.Integer(), nullable=False),
        _text("state"),
        sa.Column("confirmed_by", sa.Uuid()),
        *_valid_and_home(),
        sa.ForeignKeyConstraint(["confirmed_by"], ["organisation.org_id"]),
        sa.ForeignKeyConstraint(["village"], ["division.code"]),
        sa.PrimaryKeyConstraint("group_id"),
    )
    op.create_index("ix_prevention_group_confirmed_by", "prevention_group", ["confirmed_by"])
    op.create_index("ix_prevention_group_jurisdiction", "prevention_group", ["jurisdiction"])
    op.create_index("ix_prevention_group_village", "prevention_group", ["village"])
    op.create_table(
        "scheme_binding",
        sa.Column("binding_id", sa.Uuid(), nullable=False),
        _text("scheme"),
        _text("version"),
        sa.Column("posts", ARRAY(sa.Text()), nullable=False),
        *_valid_and_home(),
        sa.PrimaryKeyConstraint("binding_id"),
    )
    op.create_index("ix_scheme_binding_jurisdiction", "scheme_binding", ["jurisdiction"])
