"""The read models tell an officer's account and what a binding is for; cursors remember the epochs that ended."""

from shared.database.migrations import add_ended_epochs, add_heads_to_send_again, add_pulses
from shared.reference.migrations import add_account_and_use

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; facts told again fill them."""
    add_account_and_use()
    add_ended_epochs()
    add_heads_to_send_again()
    add_pulses()
