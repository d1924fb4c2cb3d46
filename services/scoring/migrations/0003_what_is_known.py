"""The read models tell an officer's account and what a binding is for; cursors remember the epochs that ended.

A presence day is kept by its assignment and day alone, however its assignment moves.
"""

from uuid import UUID, uuid5

import sqlalchemy as sa
from alembic import op

from shared.database.migrations import add_ended_epochs, add_heads_to_send_again, add_pulses
from shared.reference.migrations import add_account_and_use

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns; facts told again fill them."""
    add_account_and_use()
    add_ended_epochs()
    add_heads_to_send_again()
    add_pulses()
    _name_presence_days_anew()


def _name_presence_days_anew() -> None:
    """Of two rows about one day, of which one told of a place the assignment left, the later word stays."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            """
            SELECT entry_id, recorded->>'assignment_id' AS assignment, day FROM ledger_entry
            WHERE source = 'presence_day' AND recorded IS NOT NULL
            ORDER BY recorded->>'assignment_id', day, recorded_rev DESC
            """
        )
    ).all()
    kept = {uuid5(UUID(row.assignment), f"presence {row.day}"): row.entry_id for row in reversed(rows)}
    double = list({row.entry_id for row in rows} - set(kept.values()))
    connection.execute(sa.text("DELETE FROM ledger_entry WHERE entry_id = ANY(:double)"), {"double": double})
    rename = sa.text(
        """
        UPDATE ledger_entry e SET entry_id = n.new
        FROM unnest(CAST(:old AS uuid[]), CAST(:new AS uuid[])) AS n(old, new) WHERE e.entry_id = n.old
        """
    )
    connection.execute(rename, {"old": list(kept.values()), "new": list(kept)})
