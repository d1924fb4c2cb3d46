"""Ledger, dirty marks, opened months, seen versions and sheets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from shared.database.migrations import create_shared_tables
from shared.reference.migrations import create_reference_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    create_shared_tables()
    create_reference_tables()
    _ledger()
    _marks()
    _sheets()


def _ledger() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column("entry_id", sa.Uuid, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("officer_id", sa.Uuid),
        sa.Column("village", sa.Text),
        sa.Column("day", sa.Date),
        sa.Column("until", sa.Date),
        sa.Column("matter_id", sa.Uuid),
        sa.Column("recorded", sa.JSON),
        sa.Column("recorded_rev", sa.BigInteger),
        sa.Column("judged", sa.JSON),
        sa.Column("judged_rev", sa.BigInteger),
        sa.Column("closed", sa.JSON),
        sa.Column("closed_rev", sa.BigInteger),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("ledger_entry_officer", "ledger_entry", ["officer_id", "day"])
    op.create_index(
        "ledger_entry_village", "ledger_entry", ["village", "day"], postgresql_where=sa.text("officer_id IS NULL")
    )
    of_matter = sa.text("matter_id IS NOT NULL")
    op.create_index("ledger_entry_matter", "ledger_entry", ["matter_id"], postgresql_where=of_matter)
    op.create_index("ledger_entry_matters_of", "ledger_entry", ["village", "day"], postgresql_where=of_matter)
    op.create_table(
        "group_state",
        sa.Column("group_id", sa.Uuid, primary_key=True),
        sa.Column("told_on", sa.Date, primary_key=True),
        sa.Column("rev", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("fact", sa.Uuid, nullable=False),
    )


def _marks() -> None:
    op.create_table("opened_month", sa.Column("month", sa.Date, primary_key=True))
    op.create_table(
        "seen_version",
        sa.Column("scheme", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
    )
    op.create_table(
        "dirty_mark",
        sa.Column("officer_id", sa.Uuid, primary_key=True),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("facts", sa.Integer, nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        postgresql_with={"fillfactor": "50"},
    )


def _sheets() -> None:
    op.create_table(
        "sheet",
        sa.Column("sheet_id", sa.Uuid, primary_key=True),
        sa.Column("officer_id", sa.Uuid, nullable=False),
        sa.Column("scheme", sa.Text, nullable=False),
        sa.Column("period_from", sa.Date, nullable=False),
        sa.Column("period_to", sa.Date, nullable=False),
        sa.Column("scheme_version", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("villages", ARRAY(sa.Text), nullable=False),
        sa.Column("total", sa.Numeric),
        sa.Column("grade", sa.Text),
        sa.Column("vetoes", ARRAY(sa.Text), nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("sheet_of", "sheet", ["officer_id", "scheme", "period_from"], unique=True)
    op.create_index("sheet_board", "sheet", ["scheme", "period_from", "total"])
