"""Sheets that could not be computed are kept and tried again; a shadow's sheet lies beside what governs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Every sheet there is belongs to what governs."""
    op.create_table(
        "sheet_failure",
        sa.Column("officer_id", sa.Uuid, primary_key=True),
        sa.Column("scheme", sa.Text, primary_key=True),
        sa.Column("since", sa.Date, primary_key=True),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column("sheet", sa.Column("shadow", sa.Boolean, nullable=False, server_default="false"))
    op.alter_column("sheet", "shadow", server_default=None)
