"""A binding governs, or is a shadow beside what governs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "personnel_0001"


def upgrade() -> None:
    """Those there are govern."""
    op.add_column("scheme_binding", sa.Column("use", sa.Text, nullable=False, server_default="governing"))
    op.alter_column("scheme_binding", "use", server_default=None)
