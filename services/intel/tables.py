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
# Orders that nobody has taken, or that came back.
UNSETTLED = ("ordered", "received", "returned")

report = Table(
    "report",
    metadata,
    Column("report_id", Uuid, primary_key=True),
    Column("matter_id", Uuid, nullable=False),
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
    # The order that answers it, its own or another of the matter; how far it followed that; how many it has had.
    Column("order_id", Uuid),
    Column("order_version", Integer, nullable=False),
    Column("hop", SmallInteger, nullable=False),
)
Index("report_waiting", report.c.next_try_at, postgresql_where=report.c.state.in_(WAITING))
Index("report_village", report.c.village, report.c.reported_at, report.c.report_id)
Index("report_matter", report.c.matter_id, report.c.reported_at, report.c.report_id)
_of_order, _of_activity = report.c.order_id.is_not(None), report.c.activity_id.is_not(None)
Index("report_order", report.c.order_id, report.c.order_version, postgresql_where=_of_order)
Index("report_activity", report.c.activity_id, unique=True, postgresql_where=_of_activity)

# A matter is its first village's county's: what another county calls by the same id is another matter.
matter = Table(
    "matter",
    metadata,
    Column("matter_id", Uuid, primary_key=True),
    Column("county", Text, nullable=False),
)

station_order = Table(
    "station_order",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("report_id", Uuid, ForeignKey(report.c.report_id), nullable=False),
    Column("matter_id", Uuid, nullable=False),
    Column("station", Uuid, nullable=False),
    # The unit that sent it; in its queue stands what comes back or goes no further.
    Column("sent_by", Uuid),
    Column("hop", SmallInteger, nullable=False),
    instant("due", nullable=True),
    instant("created_at"),
    Column("state", Text, nullable=False),
    # Goes up with every answer; reports that have not followed yet are behind.
    Column("version", Integer, nullable=False),
    Column("behind", Boolean, nullable=False),
    instant("moved_at"),
    # Why a person ordered it; sealed.
    Column("reason", LargeBinary),
    # The order in whose place it came, and the one that came in its place.
    Column("follows", Uuid),
    Column("followed_by", Uuid),
    # What the station has been told of the matter.
    Column("told_severity", Text),
    Column("told_signs", ARRAY(Text), nullable=False),
    Column("told_categories", ARRAY(Text), nullable=False),
    Column("told_villages", ARRAY(Text), nullable=False),
    instant("closed_at", nullable=True),
)
Index("station_order_hop", station_order.c.report_id, station_order.c.hop, unique=True)
Index("station_order_matter", station_order.c.matter_id)
Index("station_order_behind", station_order.c.order_id, postgresql_where=station_order.c.behind)
_unsettled = station_order.c.followed_by.is_(None) & station_order.c.state.in_(UNSETTLED)
Index("station_order_unsettled", station_order.c.created_at, station_order.c.order_id, postgresql_where=_unsettled)
Index("station_order_station", station_order.c.station, station_order.c.created_at, station_order.c.order_id)

# What a station said of an order, or of a report that has none: each step once.
station_step = Table(
    "station_step",
    metadata,
    Column("about", Uuid, primary_key=True),
    Column("step", Text, primary_key=True),
    instant("at"),
    Column("by_named_person", Boolean, nullable=False),
    Column("reason", Text),
    Column("handler_name", LargeBinary),
)

# What is on its way to a station: an order, news of it, or a test of the endpoint; `delivery_id` is the webhook-id.
delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", Uuid, primary_key=True),
    Column("station", Uuid, nullable=False),
    Column("event", Text, nullable=False),
    Column("order_id", Uuid, ForeignKey(station_order.c.order_id), index=True),
    Column("report_id", Uuid, ForeignKey(report.c.report_id)),
    # Of an update: what is new in it.
    Column("news", ARRAY(Text), nullable=False),
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
    Column("order_id", Uuid),
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
    # Absent where nobody said; no word of it to the reporter then.
    Column("truth", Text),
    Column("record_seen", Boolean, nullable=False),
    Column("cooperated", ARRAY(Uuid), nullable=False),
    Column("closed_by", Uuid, nullable=False),
    # The verified activity that closed it.
    Column("activity_id", Uuid, index=True),
    instant("closed_at"),
    instant("fed_back_at"),
)

# Disputes entered as resolved: once verified they close what was not ordered (C-49).
settled_dispute = Table(
    "settled_dispute",
    metadata,
    Column("activity_id", Uuid, primary_key=True),
    Column("matter_id", Uuid, nullable=False),
    instant("settled_at"),
    # What a unit confirmed of it, and what is being done about its matter's reports, some at a time.
    Column("unit", Uuid),
    Column("is_true", Boolean),
    Column("record_seen", Boolean),
    Column("doing", Text),
)
Index("settled_dispute_doing", settled_dispute.c.activity_id, postgresql_where=settled_dispute.c.doing.is_not(None))

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
