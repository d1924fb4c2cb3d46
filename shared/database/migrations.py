"""The shared tables as a migration step: the first migration of every service calls it."""

from __future__ import annotations

from alembic import op
from sqlalchemy import MetaData

from shared.database.tables import shared_tables


def create_shared_tables() -> None:
    """Create outbox, consumer state, dead letters and audit as they were at version 1 of a service."""
    metadata = MetaData()
    shared_tables(metadata)
    metadata.create_all(op.get_bind())
    op.execute("INSERT INTO outbox_epoch (number) VALUES (0)")
