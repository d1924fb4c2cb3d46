"""The read models tell an officer's account and what a binding is for."""

from shared.reference.migrations import add_account_and_use

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add both columns; facts told again fill them."""
    add_account_and_use()
