"""Certificates of quiet months."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.repository.items import called_in, hashes_in
from services.fieldwork.repository.statements import Insertion
from services.fieldwork.tables import certificate
from shared.security.jurisdiction import within

Matter = tuple[str, str, date]
"""Village, dispute or instability, first day of the month."""

_CERTIFICATE = Insertion(
    certificate,
    [
        "id",
        "system",
        "foreign_id",
        "content_hash",
        "meaning_hash",
        "subject",
        "recorded_at",
        "village",
        "of",
        "month",
        "certified_by",
        "certifier_org",
        "state",
    ],
)

hashes, called = hashes_in(certificate), called_in(certificate)

_IN_FORCE = text(
    """
    SELECT c.id, c.village, c."of", c.month, c.recorded_at
    FROM unnest(CAST(:villages AS text[]), CAST(:ofs AS text[]), CAST(:months AS date[])) AS asked(village, "of", month)
    JOIN certificate c USING (village, "of", month) WHERE c.state = 'in_force'
    """
)


async def insert(connection: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> set[UUID]:
    """Keep new certificates; one beside another in force for the same matter is not kept."""
    return set((await connection.scalars(_CERTIFICATE.statement, _CERTIFICATE.parameters(rows))).all())


async def in_force(connection: AsyncConnection, matters: Collection[Matter]) -> dict[Matter, Row[Any]]:
    """The certificates that hold for these matters."""
    if not matters:
        return {}
    villages, ofs, months = (list(column) for column in zip(*matters, strict=True))
    found = await connection.execute(_IN_FORCE, {"villages": villages, "ofs": ofs, "months": months})
    return {(row.village, row.of, row.month): row for row in found}


async def lock(connection: AsyncConnection, id: UUID, division: str) -> Row[Any] | None:
    """A certificate inside the division, locked."""
    query = select(certificate).where(certificate.c.id == id, within(certificate.c.village, division))
    return (await connection.execute(query.with_for_update())).one_or_none()


async def revoke(connection: AsyncConnection, id: UUID, by: UUID, reason: str, at: datetime) -> None:
    """The certificate no longer holds."""
    values = {"state": "revoked", "revoked_by": by, "reason": reason, "revoked_at": at}
    await connection.execute(update(certificate).where(certificate.c.id == id).values(values))
