"""A version is corrected once by its author in its county, whoever else claims it before it arrives."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

LEAVER = """
    UPDATE departure d SET officer = a.officer, county = left(a.village, 6) FROM arrival a WHERE a.id = d.session
"""


def upgrade() -> None:
    """Departures say whose and where they are."""
    for name, type_ in (("officer", sa.Uuid), ("county", sa.Text)):
        op.add_column("departure", sa.Column(name, type_))
    op.execute(LEAVER)
    op.create_index("ix_departure_session", "departure", ["session"])
    for name in ("officer", "county"):
        op.alter_column("departure", name, nullable=False)
    _corrects("activity", "author", sa.text("left(village, 6)"))
    _corrects("arrival", "officer", sa.text("left(village, 6)"))
    _corrects("departure", "officer", "county")


def _corrects(table: str, *by: str | sa.TextClause) -> None:
    op.drop_index(f"{table}_corrects", table)
    corrects = sa.text("corrects IS NOT NULL")
    op.create_index(f"{table}_corrects", table, ["corrects", *by], unique=True, postgresql_where=corrects)
