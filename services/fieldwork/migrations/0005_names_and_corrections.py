"""Names belong to a county, items have a hash of their meaning, and their authors correct or withdraw them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

INSTANT = sa.DateTime(timezone=True)
SENT = ("activity", "arrival", "departure", "certificate")


BADGES = "UPDATE known_officer SET badge = upper(btrim(normalize(badge, NFKC))) WHERE badge IS NOT NULL"


def upgrade() -> None:
    """What was kept keeps its id; every matter is its first village's county's."""
    for table in SENT:
        op.add_column(table, sa.Column("system", sa.Text))
        op.add_column(table, sa.Column("foreign_id", sa.Text))
        op.add_column(table, sa.Column("meaning_hash", sa.LargeBinary))
    op.add_column("verdict", sa.Column("meaning_hash", sa.LargeBinary))
    for table in ("activity", "arrival", "departure"):
        named = sa.text("system IS NOT NULL")
        op.create_index(f"{table}_called", table, ["system", "foreign_id"], postgresql_where=named)
    _matters()
    _activities()
    _sessions()
    _withdrawals()
    op.execute(BADGES)


def _matters() -> None:
    op.create_table("matter", sa.Column("id", sa.Uuid, primary_key=True), sa.Column("county", sa.Text, nullable=False))
    op.execute(
        """
        INSERT INTO matter (id, county)
        SELECT DISTINCT ON (matter_id) matter_id, left(village, 6) FROM activity WHERE matter_id IS NOT NULL
        ORDER BY matter_id, recorded_at, id
        """
    )


def _activities() -> None:
    op.add_column("activity", sa.Column("corrects", sa.Uuid))
    op.execute(
        """
        UPDATE activity SET corrects = supersedes WHERE id IN (
            SELECT DISTINCT ON (supersedes, author) id FROM activity WHERE supersedes IS NOT NULL
            ORDER BY supersedes, author, recorded_at, id)
        """
    )
    op.drop_index("activity_supersedes", "activity")
    _corrects("activity", "author")


def _corrects(table: str, *author: str) -> None:
    corrects = sa.text("corrects IS NOT NULL")
    op.create_index(f"{table}_corrects", table, ["corrects", *author], unique=True, postgresql_where=corrects)


def _sessions() -> None:
    op.add_column("arrival", sa.Column("session", sa.Uuid))
    op.execute("UPDATE arrival SET session = id")
    op.alter_column("arrival", "session", nullable=False)
    op.create_index("ix_arrival_session", "arrival", ["session"])
    for table in ("arrival", "departure"):
        op.add_column(table, sa.Column("corrects", sa.Uuid))
        op.add_column(table, sa.Column("ended_by", sa.Uuid))
    _corrects("arrival", "officer")
    _corrects("departure")
    op.drop_constraint("departure_session_key", "departure")
    standing = sa.text("ended_by IS NULL")
    op.create_index("departure_session", "departure", ["session"], unique=True, postgresql_where=standing)


def _withdrawals() -> None:
    op.create_table(
        "withdrawal",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("system", sa.Text),
        sa.Column("foreign_id", sa.Text),
        sa.Column("content_hash", sa.LargeBinary, nullable=False),
        sa.Column("meaning_hash", sa.LargeBinary),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("of", sa.Text, nullable=False),
        sa.Column("target", sa.Uuid, nullable=False, unique=True),
        sa.Column("author", sa.Uuid, nullable=False),
        sa.Column("village", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
