"""The tables every service has beside its own: outbox, consumer state, dead letters, audit."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB
from sqlalchemy.types import UserDefinedType


class TransactionId(UserDefinedType[int]):
    """PostgreSQL's xid8, which SQLAlchemy does not know."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """As the column is declared."""
        return "xid8"


def instant(name: str, *, nullable: bool = False) -> Column[object]:
    """A column for an instant, kept in UTC."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def shared_tables(metadata: MetaData) -> None:
    """Add the shared tables to a service's own metadata."""
    _outbox(metadata)
    _consumer(metadata)
    _audit(metadata)


def _outbox(metadata: MetaData) -> None:
    outbox = Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("fact_id", Uuid, nullable=False),
        Column("topic", Text, nullable=False),
        Column("stream_key", Text, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("previous", Uuid),
        Column("epoch", BigInteger, nullable=False),
        Column("attributes", JSON, nullable=False),
        Column("body", LargeBinary, nullable=False),
        instant("recorded_at"),
        instant("published_at", nullable=True),
    )
    # Only what still has to be sent is indexed, so the index stays small however long published rows are kept.
    Index("outbox_unpublished", outbox.c.id, postgresql_where=outbox.c.published_at.is_(None))
    Index("outbox_stream_sequence", outbox.c.topic, outbox.c.stream_key, outbox.c.sequence, unique=True)
    Table(
        "outbox_stream",
        metadata,
        Column("topic", Text, primary_key=True),
        Column("stream_key", Text, primary_key=True),
        Column("last_seq", BigInteger, nullable=False),
        Column("last_id", Uuid, nullable=False),
    )
    # Joined to every fact that is published: a second row would publish each one twice.
    Table(
        "outbox_epoch",
        metadata,
        Column("single", Boolean, CheckConstraint("single"), primary_key=True, server_default=text("true")),
        Column("number", BigInteger, nullable=False),
        # Which database this is; another one than at the last start is a restored or promoted copy.
        Column("origin", Text),
        # The last states of reference streams that are still to be sent again: of facts since then, behind this stream.
        instant("heads_since", nullable=True),
        Column("heads_after", ARRAY(Text)),
    )


def _consumer(metadata: MetaData) -> None:
    Table(
        "consumer_offset",
        metadata,
        Column("topic", Text, primary_key=True),
        Column("partition", SmallInteger, primary_key=True),
        Column("next_offset", BigInteger, nullable=False),
    )
    cursor = Table(
        "stream_cursor",
        metadata,
        Column("topic", Text, primary_key=True),
        Column("stream_key", Text, primary_key=True),
        Column("last_seq", BigInteger, nullable=False),
        Column("last_id", Uuid),
        Column("epoch", BigInteger, nullable=False),
        Column("held", Text),
        # "1:4 2:9": the epochs before this one, each with the last sequence that was applied in it.
        Column("earlier", Text),
    )
    Index("stream_cursor_held", cursor.c.topic, cursor.c.stream_key, postgresql_where=cursor.c.held.is_not(None))
    for name in ("dead_letter", "held_fact"):
        kept = Table(
            name,
            metadata,
            Column("id", BigInteger, Identity(always=True), primary_key=True),
            Column("topic", Text, nullable=False),
            Column("partition", SmallInteger, nullable=False),
            Column("offset", BigInteger, nullable=False),
            Column("stream_key", Text),
            Column("headers", JSONB, nullable=False),
            Column("body", LargeBinary),
            Column("reason", Text, nullable=False),
            instant("kept_at"),
        )
        Index(f"{name}_record", kept.c.topic, kept.c.partition, kept.c.offset, unique=True)
        Index(f"{name}_stream", kept.c.topic, kept.c.stream_key, kept.c.id)
    Table(
        "consumer_tally",
        metadata,
        Column("topic", Text, primary_key=True),
        Column("partition", SmallInteger, primary_key=True),
        Column("duplicates", BigInteger, nullable=False, server_default=text("0")),
        Column("skipped", BigInteger, nullable=False, server_default=text("0")),
    )
    Table("heard", metadata, Column("publisher", Text, primary_key=True), instant("beat_at"))
    Table(
        "read_to_end",
        metadata,
        Column("topic", Text, primary_key=True),
        Column("partition", SmallInteger, primary_key=True),
        instant("seen_at"),
    )


def _audit(metadata: MetaData) -> None:
    # Heads of other services' audits, as they told them: only ever added to.
    Table(
        "audit_head",
        metadata,
        Column("publisher", Text, primary_key=True),
        Column("head", Text, primary_key=True),
        Column("day", Date, nullable=False),
        Column("rows", BigInteger, nullable=False),
        instant("sealed_at"),
    )
    audit = Table(
        "audit",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        instant("at"),
        Column("subject", Text, nullable=False),
        Column("on_behalf_of", Uuid),
        Column("action", Text, nullable=False),
        Column("object", Text, nullable=False),
        Column("result", Text, nullable=False),
        Column("request_id", Text),
        # Who wrote a row is done with all of it once no transaction so old is open: then it can be chained.
        Column("txid", TransactionId, nullable=False, server_default=text("pg_current_xact_id()")),
        Column("reason", Text),
    )
    Index("audit_settled", audit.c.txid, audit.c.id)
    Table(
        "audit_seal",
        metadata,
        Column("position", BigInteger, primary_key=True, autoincrement=False),
        Column("audit_id", BigInteger, nullable=False, unique=True),
        Column("txid", TransactionId, nullable=False),
        Column("hash", Text, nullable=False),
        instant("sealed_at"),
    )
