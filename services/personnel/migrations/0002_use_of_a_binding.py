"""A binding governs, or is a shadow beside what governs; cursors remember the epochs that ended."""

import sqlalchemy as sa
from alembic import op

from shared.database.migrations import add_ended_epochs, add_heads_to_send_again, add_pulses

revision = "0002"
down_revision = "personnel_0001"


def upgrade() -> None:
    """Those there are govern."""
    op.add_column("scheme_binding", sa.Column("use", sa.Text, nullable=False, server_default="governing"))
    op.alter_column("scheme_binding", "use", server_default=None)
    add_ended_epochs()
    add_heads_to_send_again()
    add_pulses()
