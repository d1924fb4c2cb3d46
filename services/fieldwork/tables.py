"""Tables of fieldwork. Items an officer sends are immutable; what others decide about them stands beside them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.database.tables import instant, shared_tables
from shared.reference.tables import reference_tables

metadata = MetaData()
shared_tables(metadata)
reference_tables(metadata)


def _sent() -> tuple[Column[object], ...]:
    """What every item of a client has: its id and what the client calls it, who sent it, when it came.

    Two keyed hashes: of the content as it was sent, and of what it means, whatever it called officers and villages.
    """
    return (
        Column("id", Uuid, primary_key=True),
        Column("system", Text),
        Column("foreign_id", Text),
        Column("content_hash", LargeBinary, nullable=False),
        Column("meaning_hash", LargeBinary),
        Column("subject", Text, nullable=False),
        instant("recorded_at"),
    )


def _called(table: Table) -> None:
    """What other systems call an item is looked up."""
    named = table.c.system.is_not(None)
    Index(f"{table.name}_called", table.c.system, table.c.foreign_id, postgresql_where=named)


activity = Table(
    "activity",
    metadata,
    *_sent(),
    Column("author", Uuid, nullable=False),
    Column("done_by", Uuid, nullable=False),
    Column("with_officer", Uuid),
    Column("village", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("kind", Text, nullable=False),
    instant("since"),
    instant("until", nullable=True),
    Column("quantity", Numeric, nullable=False),
    Column("unit", Text, nullable=False),
    Column("target_key", Text),
    Column("matter_id", Uuid),
    Column("group_id", Uuid),
    Column("room_id", Uuid),
    Column("task_id", Uuid),
    Column("details", JSONB, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("supersedes", Uuid),
    # What it supersedes, if it is the only one of its author in its county that does; older rows may have been many.
    Column("corrects", Uuid),
    Column("note", LargeBinary),
    Column("classification", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("verdict_id", Uuid),
)
# Only what still waits is indexed: a station's work list stays fast however many years lie behind it.
Index(
    "activity_waiting",
    activity.c.village,
    activity.c.since,
    activity.c.id,
    postgresql_where=activity.c.state == "waiting",
)
Index(
    "activity_corrects",
    activity.c.corrects,
    activity.c.author,
    func.left(activity.c.village, 6),
    unique=True,
    postgresql_where=activity.c.corrects.is_not(None),
)
_called(activity)

# A matter is its first village's county's.
matter = Table("matter", metadata, Column("id", Uuid, primary_key=True), Column("county", Text, nullable=False))

verdict = Table(
    "verdict",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("activity_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("content_hash", LargeBinary),
    Column("meaning_hash", LargeBinary),
    Column("subject", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("decided_by", Uuid, nullable=False),
    Column("decided_by_org", Uuid),
    instant("decided_at"),
    Column("method", Text),
    Column("quantity", Numeric),
    Column("true_situation", Boolean),
    Column("record_seen", Boolean),
    Column("signature_seen", Boolean),
    Column("effective", Text),
    Column("cause", Text),
    Column("reason", Text),
    Column("replaces", Uuid),
)
Index("verdict_activity", verdict.c.activity_id, verdict.c.number, unique=True)

arrival = Table(
    "arrival",
    metadata,
    *_sent(),
    Column("officer", Uuid, nullable=False),
    Column("village", Text, nullable=False),
    Column("day", Date, nullable=False),
    instant("at"),
    # The first of the arrivals that correct each other: departures name it.
    Column("session", Uuid, nullable=False, index=True),
    Column("corrects", Uuid),
    # The correction or withdrawal that ended it.
    Column("ended_by", Uuid),
)
Index("arrival_officer", arrival.c.officer, arrival.c.at)
Index(
    "arrival_corrects",
    arrival.c.corrects,
    arrival.c.officer,
    func.left(arrival.c.village, 6),
    unique=True,
    postgresql_where=arrival.c.corrects.is_not(None),
)
_called(arrival)

departure = Table(
    "departure",
    metadata,
    *_sent(),
    Column("session", Uuid, nullable=False, index=True),
    # Of the session, which a correction of its arrival leaves with the same officer in the same county.
    Column("officer", Uuid, nullable=False),
    Column("county", Text, nullable=False),
    instant("at"),
    Column("corrects", Uuid),
    Column("ended_by", Uuid),
)
Index("departure_session", departure.c.session, unique=True, postgresql_where=departure.c.ended_by.is_(None))
Index(
    "departure_corrects",
    departure.c.corrects,
    departure.c.officer,
    departure.c.county,
    unique=True,
    postgresql_where=departure.c.corrects.is_not(None),
)
_called(departure)

withdrawal = Table(
    "withdrawal",
    metadata,
    *_sent(),
    Column("of", Text, nullable=False),
    Column("target", Uuid, nullable=False, unique=True),
    Column("author", Uuid, nullable=False),
    Column("village", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

day_due = Table(
    "day_due",
    metadata,
    Column("officer", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("marked_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
)
Index("day_due_marked_at", day_due.c.marked_at, day_due.c.officer, day_due.c.day)

# All of whose days are still to be marked, up to which day that was done.
officer_due = Table(
    "officer_due",
    metadata,
    Column("officer", Uuid, primary_key=True),
    Column("marked_to", Date, nullable=False),
)

presence_day = Table(
    "presence_day",
    metadata,
    Column("assignment_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("officer", Uuid, nullable=False),
    Column("village", Text),
    Column("area_id", Uuid),
    Column("county", Text, nullable=False),
    Column("minutes_in_village", Integer, nullable=False),
    Column("minutes_in_area", Integer, nullable=False),
    Column("longest_minutes", Integer, nullable=False),
    Column("sessions", Integer, nullable=False),
    Column("open_sessions", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
)
Index("presence_day_officer", presence_day.c.officer, presence_day.c.day)

roster = Table(
    "roster",
    metadata,
    Column("officer", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("county", Text, nullable=False),
    Column("entered_by", Uuid, nullable=False),
    Column("subject", Text, nullable=False),
    instant("recorded_at"),
    Column("on_duty", Boolean, nullable=False),
    Column("state", Text),
    Column("revision", Integer, nullable=False),
)
Index("roster_unjudged", roster.c.day, roster.c.officer, postgresql_where=roster.c.state.is_(None))

roster_record = Table(
    "roster_record",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("officer", Uuid, nullable=False),
    Column("day", Date, nullable=False),
    Column("village", Text, nullable=False),
    Column("on_duty", Boolean, nullable=False),
    Column("reason", Text),
    Column("entered_by", Uuid, nullable=False),
    Column("subject", Text, nullable=False),
    instant("recorded_at"),
    Column("state", Text, nullable=False),
)
Index(
    "roster_record_waiting",
    roster_record.c.officer,
    roster_record.c.day,
    unique=True,
    postgresql_where=roster_record.c.state == "waiting",
)

roster_decision = Table(
    "roster_decision",
    metadata,
    Column("record_id", Uuid, primary_key=True),
    Column("confirmed", Boolean, nullable=False),
    Column("reason", Text),
    Column("decided_by", Uuid, nullable=False),
    Column("subject", Text, nullable=False),
    instant("recorded_at"),
)

certificate = Table(
    "certificate",
    metadata,
    *_sent(),
    Column("village", Text, nullable=False),
    Column("of", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("certified_by", Uuid, nullable=False),
    Column("certifier_org", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("revoked_by", Uuid),
    Column("reason", Text),
    instant("revoked_at", nullable=True),
)
Index(
    "certificate_in_force",
    certificate.c.village,
    certificate.c.of,
    certificate.c.month,
    unique=True,
    postgresql_where=certificate.c.state == "in_force",
)

foreign_village = Table(
    "foreign_village",
    metadata,
    Column("county", Text, primary_key=True),
    Column("ref", Uuid, primary_key=True),
    Column("village", Text, nullable=False),
    Column("subject", Text, nullable=False),
    instant("recorded_at"),
)

feed = Table(
    "feed",
    metadata,
    Column("county", Text, primary_key=True),
    Column("last_position", BigInteger, nullable=False),
)

change = Table(
    "change",
    metadata,
    Column("county", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("village", Text, nullable=False),
    Column("item_type", Text, nullable=False),
    Column("item_id", Uuid, nullable=False),
    Column("what", Text, nullable=False),
    Column("verdict_id", Uuid),
    Column("classification", Text, nullable=False),
    instant("at"),
)
