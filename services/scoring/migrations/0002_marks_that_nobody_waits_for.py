"""Dirty marks are added and taken away, never changed: one officer may have several."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Keep the marks there are."""
    op.drop_constraint("dirty_mark_pkey", "dirty_mark")
    op.alter_column("dirty_mark", "first_at", new_column_name="marked_at")
    op.drop_column("dirty_mark", "last_at")
    op.execute(sa.text("ALTER TABLE dirty_mark RESET (fillfactor)"))
