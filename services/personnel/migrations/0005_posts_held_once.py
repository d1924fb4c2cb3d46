"""Who holds a post at a place on a day is looked up for each assignment that is put."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """The index of an officer's assignments goes on with what they are to."""
    op.create_index("assignment_post", "assignment", ["officer_id", "where_id", "post", "role", "valid_from"])
    op.drop_index("ix_assignment_officer_id", "assignment")
