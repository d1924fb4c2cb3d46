"""Tables of scoring: the ledger of what happened, who has to be scored anew, and the sheets."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from shared.database.tables import instant, shared_tables
from shared.reference.tables import reference_tables

metadata = MetaData()
shared_tables(metadata)
reference_tables(metadata)

# One row per thing (activity, report, presence day …), merged from its facts: each part is what one kind of fact said
# last, with its number, so the facts may come in any order. JSON and not JSONB: written once, always read whole.
ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("entry_id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("officer_id", Uuid),
    Column("village", Text),
    Column("day", Date),
    Column("until", Date),
    Column("matter_id", Uuid),
    Column("recorded", JSON),
    Column("recorded_rev", BigInteger),
    Column("judged", JSON),
    Column("judged_rev", BigInteger),
    Column("closed", JSON),
    Column("closed_rev", BigInteger),
    # Verdicts come days later: room in the page keeps those updates out of the indexes.
    postgresql_with={"fillfactor": "70"},
)
Index("ledger_entry_officer", ledger_entry.c.officer_id, ledger_entry.c.day)
Index(
    "ledger_entry_village",
    ledger_entry.c.village,
    ledger_entry.c.day,
    postgresql_where=text("officer_id IS NULL"),
)
_of_matter = ledger_entry.c.matter_id.is_not(None)
Index("ledger_entry_matter", ledger_entry.c.matter_id, postgresql_where=_of_matter)
Index("ledger_entry_matters_of", ledger_entry.c.village, ledger_entry.c.day, postgresql_where=_of_matter)

# What state a group was told to be in, by the day it was told: the ledger entry itself keeps only the last one.
group_state = Table(
    "group_state",
    metadata,
    Column("group_id", Uuid, primary_key=True),
    Column("told_on", Date, primary_key=True),
    Column("rev", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("fact", Uuid, nullable=False),
)

opened_month = Table("opened_month", metadata, Column("month", Date, primary_key=True))

# The version everybody was last scored anew for; empty while the scheme's files cannot be used.
seen_version = Table(
    "seen_version",
    metadata,
    Column("scheme", Text, primary_key=True),
    Column("version", Text, nullable=False),
)

# Rows are only added and taken away, so that whoever marks never waits for a recompute under way; `since` to `until`
# are the days whose evidence changed.
dirty_mark = Table(
    "dirty_mark",
    metadata,
    Column("officer_id", Uuid, nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
    Column("facts", Integer, nullable=False),
    instant("marked_at"),
)

# `scheme` is empty when none of the officer's sheets could be computed; `since` to `until` are the sheet's days.
sheet_failure = Table(
    "sheet_failure",
    metadata,
    Column("officer_id", Uuid, primary_key=True),
    Column("scheme", Text, primary_key=True),
    Column("since", Date, primary_key=True),
    Column("until", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    instant("failed_at"),
    instant("next_try"),
)

sheet = Table(
    "sheet",
    metadata,
    Column("sheet_id", Uuid, primary_key=True),
    Column("officer_id", Uuid, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("period_from", Date, nullable=False),
    Column("period_to", Date, nullable=False),
    Column("scheme_version", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("villages", ARRAY(Text), nullable=False),
    # Null: he was taken off the list of those appraised (C-45); the row keeps counting revisions.
    Column("total", Numeric),
    Column("grade", Text),
    Column("vetoes", ARRAY(Text), nullable=False),
    Column("digest", Text, nullable=False),
    Column("content", JSON, nullable=False),
    # Scored beside what governs, and never published.
    Column("shadow", Boolean, nullable=False),
    instant("computed_at"),
)
Index("sheet_of", sheet.c.officer_id, sheet.c.scheme, sheet.c.period_from, unique=True)
Index("sheet_board", sheet.c.scheme, sheet.c.period_from, sheet.c.total)
