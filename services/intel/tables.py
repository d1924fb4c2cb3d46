"""Tables of intel. People involved, texts, endpoints and deliveries are its own and in no fact."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.database.tables import instant, shared_tables
from shared.reference.tables import reference_tables

metadata = MetaData()
shared_tables(metadata)
reference_tables(metadata)

# `recorded`: from an activity, no scheme known yet; `awaiting_station`: nobody known to be responsible yet.
WAITING = ("recorded", "awaiting_station")

report = Table(
    "report",
    metadata,
    Column("report_id", Uuid, primary_key=True),
    Column("matter_id", Uuid, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("village", Text, nullable=False),
    Column("reporter", Uuid, nullable=False, index=True),
    Column("source", Text, nullable=False),
    Column("activity_id", Uuid),
    instant("noticed_at"),
    instant("reported_at"),
    Column("signs", ARRAY(Text), nullable=False),
    Column("summary", LargeBinary),
    Column("content_hash", LargeBinary),
    Column("classification", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("acknowledged", ARRAY(Text), nullable=False),
    Column("station", Uuid),
    Column("scheme", Text),
    Column("scheme_version", Text),
    Column("severity", Text),
    Column("colour", Text),
    Column("cause", Text),
    Column("rule_id", Text),
    Column("reading", Text),
    instant("due", nullable=True),
    instant("next_try_at", nullable=True),
)
Index("report_waiting", report.c.next_try_at, postgresql_where=report.c.state.in_(WAITING))
Index("report_village", report.c.village, report.c.reported_at, report.c.report_id)

station_order = Table(
    "station_order",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("report_id", Uuid, ForeignKey(report.c.report_id), nullable=False, unique=True),
    Column("station", Uuid, nullable=False),
    Column("hop", SmallInteger, nullable=False),
    instant("due", nullable=True),
    instant("created_at"),
)
Index("station_order_station", station_order.c.station, station_order.c.created_at, station_order.c.order_id)

# What is on its way to a station: an order, news of it, or a test of the endpoint; `delivery_id` is the webhook-id.
delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", Uuid, primary_key=True),
    Column("station", Uuid, nullable=False),
    Column("event", Text, nullable=False),
    Column("order_id", Uuid, ForeignKey(station_order.c.order_id), index=True),
    Column("report_id", Uuid, ForeignKey(report.c.report_id)),
    instant("created_at"),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    instant("next_at"),
    Column("lease_token", Uuid),
    instant("lease_until", nullable=True),
    instant("delivered_at", nullable=True),
    # How the last call ended, and when.
    Column("code", Text),
    instant("called_at", nullable=True),
)
Index(
    "delivery_pending",
    delivery.c.station,
    delivery.c.next_at,
    delivery.c.delivery_id,
    postgresql_where=delivery.c.state == "pending",
)
Index("delivery_leased", delivery.c.station, postgresql_where=delivery.c.lease_token.is_not(None))
Index("delivery_station", delivery.c.station, delivery.c.created_at, delivery.c.delivery_id)

endpoint = Table(
    "endpoint",
    metadata,
    Column("org_id", Uuid, primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    # After a rotation both count until this moment.
    Column("former_secret", LargeBinary),
    instant("former_secret_until", nullable=True),
    Column("tolerance_seconds", Integer, nullable=False),
    instant("paused_at", nullable=True),
    Column("paused_because", Text),
    # Failed calls since the last one that went well, and until when nobody calls again because of them.
    Column("failures", Integer, nullable=False),
    instant("rests_until", nullable=True),
    # The station's own Retry-After.
    instant("asked_until", nullable=True),
    instant("succeeded_at", nullable=True),
    instant("called_at", nullable=True),
    instant("updated_at"),
)

callback = Table(
    "callback",
    metadata,
    Column("org_id", Uuid, primary_key=True),
    Column("webhook_id", Text, primary_key=True),
    Column("order_id", Uuid, nullable=False),
    Column("event", Text, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("handler_name", LargeBinary),
    Column("answer", JSONB, nullable=False),
    instant("received_at"),
)

closing = Table(
    "closing",
    metadata,
    Column("report_id", Uuid, ForeignKey(report.c.report_id), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("truth", Text, nullable=False),
    Column("record_seen", Boolean, nullable=False),
    Column("cooperated", ARRAY(Uuid), nullable=False),
    Column("closed_by", Uuid, nullable=False),
    instant("closed_at"),
    instant("fed_back_at"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("report_id", Uuid, ForeignKey(report.c.report_id), nullable=False, index=True),
    instant("at"),
    Column("what", Text, nullable=False),
    Column("by_officer", Uuid),
    Column("by_org", Uuid),
    Column("to_org", Uuid),
    Column("code", Text),
)
