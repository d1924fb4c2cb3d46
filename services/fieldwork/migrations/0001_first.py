"""Activities, verdicts, the arrival register, rosters, certificates, the feed of changes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.database.migrations import create_shared_tables
from shared.reference.migrations import create_reference_tables

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create everything fieldwork owns."""
    create_shared_tables()
    create_reference_tables()
    _activities()
    _register()
    _days()
    _certificates()
    _foreign_villages()
    _feed()


def _activities() -> None:
    op.create_table(
        "activity",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("content_hash", sa.LargeBinary, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("author", sa.Uuid, nullable=False),
        sa.Column("done_by", sa.Uuid, nullable=False),
        sa.Column("with_officer", sa.Uuid),
        sa.Column("village", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT),
        sa.Column("quantity", sa.Numeric, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("target_key", sa.Text),
        sa.Column("matter_id", sa.Uuid),
        sa.Column("group_id", sa.Uuid),
        sa.Column("room_id", sa.Uuid),
        sa.Column("task_id", sa.Uuid),
        sa.Column("details", JSONB, nullable=False),
        sa.Column("evidence", JSONB, nullable=False),
        sa.Column("supersedes", sa.Uuid),
        sa.Column("note", sa.LargeBinary),
        sa.Column("classification", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("verdict_id", sa.Uuid),
    )
    op.create_index(
        "activity_supersedes", "activity", ["supersedes"], postgresql_where=sa.text("supersedes IS NOT NULL")
    )
    op.create_index(
        "activity_waiting", "activity", ["village", "since", "id"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "verdict",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("activity_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content_hash", sa.LargeBinary),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Uuid, nullable=False),
        sa.Column("decided_by_org", sa.Uuid),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("method", sa.Text),
        sa.Column("quantity", sa.Numeric),
        sa.Column("true_situation", sa.Boolean),
        sa.Column("record_seen", sa.Boolean),
        sa.Column("signature_seen", sa.Boolean),
        sa.Column("effective", sa.Text),
        sa.Column("cause", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("replaces", sa.Uuid),
    )
    op.create_index("verdict_activity", "verdict", ["activity_id", "number"], unique=True)


def _register() -> None:
    op.create_table(
        "arrival",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("content_hash", sa.LargeBinary, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("officer", sa.Uuid, nullable=False),
        sa.Column("village", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
    )
    op.create_index("arrival_officer", "arrival", ["officer", "at"])
    op.create_table(
        "departure",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("content_hash", sa.LargeBinary, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("session", sa.Uuid, nullable=False, unique=True),
        sa.Column("at", INSTANT, nullable=False),
    )


def _days() -> None:
    op.create_table(
        "day_due",
        sa.Column("officer", sa.Uuid, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
    )
    op.create_table(
        "presence_day",
        sa.Column("assignment_id", sa.Uuid, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("officer", sa.Uuid, nullable=False),
        sa.Column("village", sa.Text),
        sa.Column("area_id", sa.Uuid),
        sa.Column("county", sa.Text, nullable=False),
        sa.Column("minutes_in_village", sa.Integer, nullable=False),
        sa.Column("minutes_in_area", sa.Integer, nullable=False),
        sa.Column("longest_minutes", sa.Integer, nullable=False),
        sa.Column("sessions", sa.Integer, nullable=False),
        sa.Column("open_sessions", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_index("presence_day_officer", "presence_day", ["officer", "day"])
    op.create_table(
        "roster",
        sa.Column("officer", sa.Uuid, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("county", sa.Text, nullable=False),
        sa.Column("entered_by", sa.Uuid, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("state", sa.Text),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_index("roster_unjudged", "roster", ["day", "officer"], postgresql_where=sa.text("state IS NULL"))


def _certificates() -> None:
    op.create_table(
        "certificate",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("content_hash", sa.LargeBinary, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("village", sa.Text, nullable=False),
        sa.Column("of", sa.Text, nullable=False),
        sa.Column("month", sa.Date, nullable=False),
        sa.Column("certified_by", sa.Uuid, nullable=False),
        sa.Column("certifier_org", sa.Uuid, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("revoked_by", sa.Uuid),
        sa.Column("reason", sa.Text),
        sa.Column("revoked_at", INSTANT),
    )
    op.create_index(
        "certificate_in_force",
        "certificate",
        ["village", "of", "month"],
        unique=True,
        postgresql_where=sa.text("state = 'in_force'"),
    )


def _foreign_villages() -> None:
    op.create_table(
        "foreign_village",
        sa.Column("ref", sa.Uuid, primary_key=True),
        sa.Column("village", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
    )


def _feed() -> None:
    op.create_table(
        "feed",
        sa.Column("county", sa.Text, primary_key=True),
        sa.Column("last_position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "change",
        sa.Column("county", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("village", sa.Text, nullable=False),
        sa.Column("item_type", sa.Text, nullable=False),
        sa.Column("item_id", sa.Uuid, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("verdict_id", sa.Uuid),
        sa.Column("classification", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
    )
