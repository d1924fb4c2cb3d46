"""Badges in one form; what the last edition said of a division, so that what was mended by hand is told from it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Every name so far is taken for the last edition's."""
    op.add_column("division", sa.Column("imported_name", sa.Text))
    op.execute("UPDATE division SET imported_name = name")
    op.execute("UPDATE officer SET badge = upper(btrim(normalize(badge, NFKC))) WHERE badge IS NOT NULL")
