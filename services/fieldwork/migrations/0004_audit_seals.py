"""The audit is chained by hash, and nobody but its owner changes it."""

from shared.database.migrations import add_seals

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """What was audited before is chained first."""
    add_seals()
