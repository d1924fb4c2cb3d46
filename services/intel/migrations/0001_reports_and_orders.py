"""Reports, orders, endpoints, callbacks, closings and timelines."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.database.migrations import create_shared_tables
from shared.reference.migrations import create_reference_tables

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create everything intel owns."""
    create_shared_tables()
    create_reference_tables()
    _report()
    _order()
    _stations()
    _history()


def _report() -> None:
    op.create_table(
        "report",
        sa.Column("report_id", sa.Uuid, primary_key=True),
        sa.Column("matter_id", sa.Uuid, nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("village", sa.Text, nullable=False),
        sa.Column("reporter", sa.Uuid, nullable=False, index=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("activity_id", sa.Uuid),
        sa.Column("noticed_at", INSTANT, nullable=False),
        sa.Column("reported_at", INSTANT, nullable=False),
        sa.Column("signs", ARRAY(sa.Text), nullable=False),
        sa.Column("summary", sa.LargeBinary),
        sa.Column("content_hash", sa.LargeBinary),
        sa.Column("classification", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("acknowledged", ARRAY(sa.Text), nullable=False),
        sa.Column("station", sa.Uuid),
        sa.Column("scheme", sa.Text),
        sa.Column("scheme_version", sa.Text),
        sa.Column("severity", sa.Text),
        sa.Column("colour", sa.Text),
        sa.Column("cause", sa.Text),
        sa.Column("rule_id", sa.Text),
        sa.Column("reading", sa.Text),
        sa.Column("due", INSTANT),
        sa.Column("next_try_at", INSTANT),
    )
    waiting = sa.text("state IN ('recorded', 'awaiting_station')")
    op.create_index("report_waiting", "report", ["next_try_at"], postgresql_where=waiting)
    op.create_index("report_village", "report", ["village", "reported_at", "report_id"])


def _order() -> None:
    op.create_table(
        "station_order",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("report_id", sa.Uuid, sa.ForeignKey("report.report_id"), nullable=False, unique=True),
        sa.Column("station", sa.Uuid, nullable=False),
        sa.Column("hop", sa.SmallInteger, nullable=False),
        sa.Column("due", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("delivery", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("lease_token", sa.Uuid),
        sa.Column("lease_until", INSTANT),
        sa.Column("delivered_at", INSTANT),
    )
    pending = sa.text("delivery = 'pending'")
    op.create_index("station_order_pending", "station_order", ["next_at"], postgresql_where=pending)
    op.create_index("station_order_station", "station_order", ["station", "created_at", "order_id"])


def _stations() -> None:
    op.create_table(
        "endpoint",
        sa.Column("org_id", sa.Uuid, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("tolerance_seconds", sa.Integer, nullable=False),
        sa.Column("paused_at", INSTANT),
        sa.Column("updated_at", INSTANT, nullable=False),
    )
    op.create_table(
        "callback",
        sa.Column("org_id", sa.Uuid, primary_key=True),
        sa.Column("webhook_id", sa.Text, primary_key=True),
        sa.Column("order_id", sa.Uuid, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("body_hash", sa.LargeBinary, nullable=False),
        sa.Column("handler_name", sa.LargeBinary),
        sa.Column("answer", JSONB, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
    )


def _history() -> None:
    op.create_table(
        "closing",
        sa.Column("report_id", sa.Uuid, sa.ForeignKey("report.report_id"), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("truth", sa.Text, nullable=False),
        sa.Column("record_seen", sa.Boolean, nullable=False),
        sa.Column("cooperated", ARRAY(sa.Uuid), nullable=False),
        sa.Column("closed_by", sa.Uuid, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=False),
        sa.Column("fed_back_at", INSTANT, nullable=False),
    )
    op.create_table(
        "timeline",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("report_id", sa.Uuid, sa.ForeignKey("report.report_id"), nullable=False, index=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("by_officer", sa.Uuid),
        sa.Column("by_org", sa.Uuid),
        sa.Column("to_org", sa.Uuid),
        sa.Column("code", sa.Text),
    )
