"""Rosters as records that are corrected and confirmed; a foreign village name belongs to its county.

Officers whose assignments changed have their days marked some at a time.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Whoever is on the roster stays on it, and every foreign name stays with the county of its village."""
    op.add_column("roster", sa.Column("on_duty", sa.Boolean, nullable=False, server_default=sa.true()))
    op.alter_column("roster", "on_duty", server_default=None)
    _records()
    op.create_table(
        "officer_due",
        sa.Column("officer", sa.Uuid, primary_key=True),
        sa.Column("marked_to", sa.Date, nullable=False),
    )
    op.add_column("foreign_village", sa.Column("county", sa.Text))
    op.execute("UPDATE foreign_village SET county = left(village, 6)")
    op.alter_column("foreign_village", "county", nullable=False)
    op.drop_constraint("foreign_village_pkey", "foreign_village")
    op.create_primary_key("foreign_village_pkey", "foreign_village", ["county", "ref"])


def _records() -> None:
    op.create_table(
        "roster_record",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("officer", sa.Uuid, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("village", sa.Text, nullable=False),
        sa.Column("on_duty", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("entered_by", sa.Uuid, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_index(
        "roster_record_waiting",
        "roster_record",
        ["officer", "day"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "roster_decision",
        sa.Column("record_id", sa.Uuid, primary_key=True),
        sa.Column("confirmed", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("decided_by", sa.Uuid, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
    )
