"""Deliveries get a table of their own, and endpoints know how they stand and a secret that is being replaced."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INSTANT = sa.DateTime(timezone=True)

# What an order knew of its delivery so far.
_MOVED = ("delivery", "attempts", "next_at", "lease_token", "lease_until", "delivered_at")


def upgrade() -> None:
    """Every order becomes an order and its delivery."""
    _delivery()
    _endpoint()


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("delivery_id", sa.Uuid, primary_key=True),
        sa.Column("station", sa.Uuid, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("order_id", sa.Uuid, sa.ForeignKey("station_order.order_id"), index=True),
        sa.Column("report_id", sa.Uuid, sa.ForeignKey("report.report_id")),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("lease_token", sa.Uuid),
        sa.Column("lease_until", INSTANT),
        sa.Column("delivered_at", INSTANT),
        sa.Column("code", sa.Text),
        sa.Column("called_at", INSTANT),
    )
    op.execute(
        """
        INSERT INTO delivery (delivery_id, station, event, order_id, report_id, created_at, state, attempts, next_at,
                              lease_token, lease_until, delivered_at)
        SELECT order_id, station, 'order.created', order_id, report_id, created_at, delivery, attempts, next_at,
               lease_token, lease_until, delivered_at
        FROM station_order
        """
    )
    pending, leased = sa.text("state = 'pending'"), sa.text("lease_token IS NOT NULL")
    op.create_index("delivery_pending", "delivery", ["station", "next_at", "delivery_id"], postgresql_where=pending)
    op.create_index("delivery_leased", "delivery", ["station"], postgresql_where=leased)
    op.create_index("delivery_station", "delivery", ["station", "created_at", "delivery_id"])
    op.drop_index("station_order_pending", "station_order")
    for name in _MOVED:
        op.drop_column("station_order", name)


def _endpoint() -> None:
    op.add_column("endpoint", sa.Column("former_secret", sa.LargeBinary))
    op.add_column("endpoint", sa.Column("former_secret_until", INSTANT))
    op.add_column("endpoint", sa.Column("paused_because", sa.Text))
    op.add_column("endpoint", sa.Column("failures", sa.Integer, nullable=False, server_default="0"))
    op.alter_column("endpoint", "failures", server_default=None)
    for name in ("rests_until", "asked_until", "succeeded_at", "called_at"):
        op.add_column("endpoint", sa.Column(name, INSTANT))
    op.execute("UPDATE endpoint SET paused_because = 'gone' WHERE paused_at IS NOT NULL")
