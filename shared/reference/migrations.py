"""The read models as a migration step: the first migration of fieldwork, scoring and intel calls it."""

from __future__ import annotations

from alembic import op
from sqlalchemy import MetaData

from shared.reference.tables import reference_tables


def create_reference_tables() -> None:
    """Create the `known_…` tables as they were at version 1 of a service."""
    metadata = MetaData()
    reference_tables(metadata)
    metadata.create_all(op.get_bind())
