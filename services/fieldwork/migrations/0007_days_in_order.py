"""Days are worked out in the order in which they were marked: one that is marked again and again keeps none waiting."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """What is marked now counts as marked now."""
    marked_at = sa.Column("marked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
    op.add_column("day_due", marked_at)
    op.create_index("day_due_marked_at", "day_due", ["marked_at", "officer", "day"])
