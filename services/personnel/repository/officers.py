"""The personal numbers of officers, sealed, and their erasure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.personnel.tables import officer, officer_number
from shared.security.jurisdiction import within


@dataclass(frozen=True, slots=True)
class SealedNumber:
    """A number of an officer as it is kept; both parts are None where it is to be emptied."""

    officer_id: UUID
    kind: str
    sealed: bytes | None
    blind_index: bytes | None


# A seal differs each time, so whether a number changed is asked of its blind index.
_KEEP = text(
    """
    WITH given AS (
        SELECT * FROM unnest(
            CAST(:officers AS uuid[]), CAST(:kinds AS text[]), CAST(:sealed AS bytea[]), CAST(:indexes AS bytea[])
        ) AS g(officer_id, kind, sealed, blind_index)
    ), emptied AS (
        DELETE FROM officer_number n USING given g
        WHERE g.sealed IS NULL AND (n.officer_id, n.kind) = (g.officer_id, g.kind)
        RETURNING n.officer_id
    ), kept AS (
        INSERT INTO officer_number AS n (officer_id, kind, sealed, blind_index)
        SELECT officer_id, kind, sealed, blind_index FROM given WHERE sealed IS NOT NULL ORDER BY officer_id, kind
        ON CONFLICT (officer_id, kind) DO UPDATE SET sealed = excluded.sealed, blind_index = excluded.blind_index
        WHERE n.blind_index <> excluded.blind_index
        RETURNING n.officer_id
    )
    SELECT officer_id FROM emptied UNION SELECT officer_id FROM kept
    """
)


class OfficerNumbers:
    """Rows of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def keep(self, numbers: Sequence[SealedNumber]) -> set[UUID]:
        """Store or empty these numbers; the officers of whom one really changed."""
        if not numbers:
            return set()
        columns = {
            "officers": [number.officer_id for number in numbers],
            "kinds": [number.kind for number in numbers],
            "sealed": [number.sealed for number in numbers],
            "indexes": [number.blind_index for number in numbers],
        }
        return set((await self._connection.execute(_KEEP, columns)).scalars())

    async def of(self, officer_id: UUID) -> dict[str, bytes]:
        """The sealed numbers of an officer by kind."""
        rows = await self._connection.execute(
            select(officer_number.c.kind, officer_number.c.sealed).where(officer_number.c.officer_id == officer_id)
        )
        return {row.kind: row.sealed for row in rows}

    async def holders(self, kind: str, blind_index: bytes, division: str) -> list[UUID]:
        """The officers inside the division with this number."""
        rows = await self._connection.execute(
            select(officer_number.c.officer_id)
            .join(officer)
            .where(
                officer_number.c.kind == kind,
                officer_number.c.blind_index == blind_index,
                within(officer.c.jurisdiction, division),
            )
            .order_by(officer_number.c.officer_id)
        )
        return list(rows.scalars())

    async def erase(self, officer_id: UUID, now: datetime) -> bool:
        """Empty everything personal, for ever (E-63); False when it was done before.

        The officer first: whoever is just writing him has then written his numbers too.
        """
        emptied = await self._connection.execute(
            update(officer)
            .where(officer.c.officer_id == officer_id, officer.c.erased_at.is_(None))
            .values(name="", badge=None, erased_at=bindparam("now")),
            {"now": now},
        )
        await self._connection.execute(delete(officer_number).where(officer_number.c.officer_id == officer_id))
        return emptied.rowcount == 1
