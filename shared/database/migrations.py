"""The shared tables as a migration step: the first migration of every service calls it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

_INSTANT = sa.DateTime(timezone=True)


def create_shared_tables() -> None:
    """Create outbox, consumer state, dead letters and audit as they were at version 1 of a service.

    Whatever changes afterwards is a further migration of each service; this one stays as it is.
    """
    _outbox()
    _consumer()
    _put_aside("dead_letter")
    _put_aside("held_fact")
    _audit()


def add_ended_epochs() -> None:
    """Have a cursor remember where each epoch ended. What was applied before counts as of the epoch it stands in."""
    op.add_column("stream_cursor", sa.Column("earlier", sa.Text))


def add_heads_to_send_again() -> None:
    """Have the outbox remember how far the last states of reference streams were sent again."""
    op.add_column("outbox_epoch", sa.Column("heads_since", _INSTANT))
    op.add_column("outbox_epoch", sa.Column("heads_after", ARRAY(sa.Text)))


def add_pulses() -> None:
    """Have a reader know how fresh its picture of the others is, and keep the heads of their audits."""
    op.create_table(
        "heard", sa.Column("publisher", sa.Text, primary_key=True), sa.Column("beat_at", _INSTANT, nullable=False)
    )
    op.create_table(
        "read_to_end",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.SmallInteger, primary_key=True),
        sa.Column("seen_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "audit_head",
        sa.Column("publisher", sa.Text, primary_key=True),
        sa.Column("head", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("sealed_at", _INSTANT, nullable=False),
    )


def add_seals() -> None:
    """Have the audit chained: what is there counts as written now. It remembers the reason that was given."""
    op.execute("ALTER TABLE audit ADD COLUMN txid xid8 NOT NULL DEFAULT pg_current_xact_id()")
    op.add_column("audit", sa.Column("reason", sa.Text))
    op.create_index("audit_settled", "audit", ["txid", "id"])
    op.execute(
        """
        CREATE TABLE audit_seal (
            position bigint PRIMARY KEY,
            audit_id bigint NOT NULL UNIQUE,
            txid xid8 NOT NULL,
            hash text NOT NULL,
            sealed_at timestamptz NOT NULL
        )
        """
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("fact_id", sa.Uuid, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("stream_key", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("previous", sa.Uuid),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("attributes", JSON, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("published_at", _INSTANT),
    )
    op.create_index("outbox_unpublished", "outbox", ["id"], postgresql_where=sa.text("published_at IS NULL"))
    op.create_index("outbox_stream_sequence", "outbox", ["topic", "stream_key", "sequence"], unique=True)
    op.create_table(
        "outbox_stream",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("stream_key", sa.Text, primary_key=True),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("last_id", sa.Uuid, nullable=False),
    )
    op.create_table(
        "outbox_epoch",
        sa.Column("single", sa.Boolean, sa.CheckConstraint("single"), primary_key=True, server_default=sa.text("true")),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("origin", sa.Text),
    )
    op.execute("INSERT INTO outbox_epoch (number) VALUES (0)")


def _consumer() -> None:
    op.create_table(
        "consumer_offset",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.SmallInteger, primary_key=True),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "stream_cursor",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("stream_key", sa.Text, primary_key=True),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("last_id", sa.Uuid),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("held", sa.Text),
    )
    held = sa.text("held IS NOT NULL")
    op.create_index("stream_cursor_held", "stream_cursor", ["topic", "stream_key"], postgresql_where=held)
    op.create_table(
        "consumer_tally",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.SmallInteger, primary_key=True),
        sa.Column("duplicates", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("skipped", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    )


def _put_aside(name: str) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.SmallInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("stream_key", sa.Text),
        sa.Column("headers", JSONB, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("kept_at", _INSTANT, nullable=False),
    )
    op.create_index(f"{name}_record", name, ["topic", "partition", "offset"], unique=True)
    op.create_index(f"{name}_stream", name, ["topic", "stream_key", "id"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("on_behalf_of", sa.Uuid),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text),
    )
