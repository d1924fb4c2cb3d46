"""Matters belong to a county, orders have a life of their own, any order of a matter may answer its reports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0005"
down_revision = "0004"

INSTANT = sa.DateTime(timezone=True)


BADGES = "UPDATE known_officer SET badge = upper(btrim(normalize(badge, NFKC))) WHERE badge IS NOT NULL"


def upgrade() -> None:
    """Every order takes its state from its only report so far."""
    _matter()
    _order()
    _report()
    _step()
    _rest()
    op.execute(BADGES)


def _matter() -> None:
    op.create_table(
        "matter",
        sa.Column("matter_id", sa.Uuid, primary_key=True),
        sa.Column("county", sa.Text, nullable=False),
    )
    op.execute(
        """
        INSERT INTO matter (matter_id, county)
        SELECT DISTINCT ON (matter_id) matter_id, left(village, 6) FROM report
        ORDER BY matter_id, reported_at, report_id
        """
    )


def _order() -> None:
    op.drop_constraint("station_order_report_id_key", "station_order")
    for column in (
        sa.Column("matter_id", sa.Uuid),
        sa.Column("sent_by", sa.Uuid),
        sa.Column("state", sa.Text),
        sa.Column("version", sa.Integer, nullable=False, server_default="0"),
        sa.Column("behind", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("moved_at", INSTANT),
        sa.Column("reason", sa.LargeBinary),
        sa.Column("follows", sa.Uuid),
        sa.Column("followed_by", sa.Uuid),
        sa.Column("told_severity", sa.Text),
        sa.Column("told_signs", ARRAY(sa.Text), nullable=False, server_default="{}"),
        sa.Column("told_categories", ARRAY(sa.Text), nullable=False, server_default="{}"),
        sa.Column("told_villages", ARRAY(sa.Text), nullable=False, server_default="{}"),
        sa.Column("closed_at", INSTANT),
    ):
        op.add_column("station_order", column)
    op.execute(
        """
        UPDATE station_order o
        SET matter_id = r.matter_id, state = r.state, moved_at = o.created_at, told_severity = r.severity,
            told_signs = r.signs, told_categories = ARRAY[r.category], told_villages = ARRAY[r.village],
            closed_at = (SELECT c.closed_at FROM closing c WHERE c.report_id = r.report_id
                         ORDER BY c.revision DESC LIMIT 1)
        FROM report r WHERE r.report_id = o.report_id
        """
    )
    for name in ("matter_id", "state", "moved_at"):
        op.alter_column("station_order", name, nullable=False)
    for name in ("version", "behind", "told_signs", "told_categories", "told_villages"):
        op.alter_column("station_order", name, server_default=None)
    op.create_index("station_order_hop", "station_order", ["report_id", "hop"], unique=True)
    op.create_index("station_order_matter", "station_order", ["matter_id"])
    op.create_index("station_order_behind", "station_order", ["order_id"], postgresql_where=sa.text("behind"))
    unsettled = sa.text("followed_by IS NULL AND state IN ('ordered', 'received', 'returned')")
    op.create_index("station_order_unsettled", "station_order", ["created_at", "order_id"], postgresql_where=unsettled)


def _report() -> None:
    op.add_column("report", sa.Column("order_id", sa.Uuid))
    op.add_column("report", sa.Column("order_version", sa.Integer, nullable=False, server_default="0"))
    op.add_column("report", sa.Column("hop", sa.SmallInteger, nullable=False, server_default="0"))
    for name in ("order_version", "hop"):
        op.alter_column("report", name, server_default=None)
    op.execute(
        "UPDATE report r SET order_id = o.order_id, hop = o.hop FROM station_order o WHERE o.report_id = r.report_id"
    )
    of_order, of_activity = sa.text("order_id IS NOT NULL"), sa.text("activity_id IS NOT NULL")
    op.create_index("report_order", "report", ["order_id", "order_version"], postgresql_where=of_order)
    op.create_index("report_activity", "report", ["activity_id"], unique=True, postgresql_where=of_activity)
    op.drop_index("ix_report_matter_id", "report")
    op.create_index("report_matter", "report", ["matter_id", "reported_at", "report_id"])


def _step() -> None:
    op.create_table(
        "station_step",
        sa.Column("about", sa.Uuid, primary_key=True),
        sa.Column("step", sa.Text, primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("by_named_person", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("handler_name", sa.LargeBinary),
    )
    op.execute(
        """
        INSERT INTO station_step (about, step, at, by_named_person, handler_name)
        SELECT DISTINCT ON (order_id, event) order_id, event, received_at, handler_name IS NOT NULL, handler_name
        FROM callback WHERE event IN ('received', 'accepted', 'returned')
        ORDER BY order_id, event, received_at
        """
    )


def _rest() -> None:
    op.alter_column("closing", "truth", nullable=True)
    op.add_column("closing", sa.Column("activity_id", sa.Uuid, index=True))
    op.add_column("delivery", sa.Column("news", ARRAY(sa.Text), nullable=False, server_default="{}"))
    op.alter_column("delivery", "news", server_default=None)
    op.alter_column("callback", "order_id", nullable=True)
    op.create_table(
        "settled_dispute",
        sa.Column("activity_id", sa.Uuid, primary_key=True),
        sa.Column("matter_id", sa.Uuid, nullable=False),
        sa.Column("settled_at", INSTANT, nullable=False),
        sa.Column("unit", sa.Uuid),
        sa.Column("is_true", sa.Boolean),
        sa.Column("record_seen", sa.Boolean),
        sa.Column("doing", sa.Text),
    )
    doing = sa.text("doing IS NOT NULL")
    op.create_index("settled_dispute_doing", "settled_dispute", ["activity_id"], postgresql_where=doing)
