"""The feed of a county: what became of each item, numbered so that concurrent writers lose nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.repository.visibility import visible
from services.fieldwork.tables import change
from shared.security.principal import Principal

What = Literal[
    "recorded",
    "verified",
    "rejected",
    "superseded",
    "withdrawn",
    "certified",
    "revoked",
    "to_confirm",
    "confirmed",
    "refused",
]
ItemType = Literal["activity", "arrival", "departure", "certificate", "roster"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that became of an item."""

    village: str
    item_type: ItemType
    item_id: UUID
    what: What
    verdict_id: UUID | None = None
    classification: str = "internal"


# The counter row of a county is held until COMMIT: a number is visible only after all lower ones.
_APPEND = text(
    """
    WITH given AS (
        SELECT *, left(village, 6) AS county
        FROM unnest(CAST(:villages AS text[]), CAST(:types AS text[]), CAST(:ids AS uuid[]), CAST(:whats AS text[]),
                    CAST(:verdicts AS uuid[]), CAST(:classifications AS text[])) WITH ORDINALITY
             AS g(village, item_type, item_id, what, verdict_id, classification, n)
    ), counted AS (
        INSERT INTO feed AS f (county, last_position)
        SELECT county, count(*) FROM given GROUP BY county ORDER BY county
        ON CONFLICT (county) DO UPDATE SET last_position = f.last_position + excluded.last_position
        RETURNING f.county, COALESCE(old.last_position, 0) AS before
    )
    INSERT INTO change (county, position, village, item_type, item_id, what, verdict_id, classification, at)
    SELECT county, before + row_number() OVER (PARTITION BY county ORDER BY n),
           village, item_type, item_id, what, verdict_id, classification, :now
    FROM given JOIN counted USING (county)
    """
)


async def append(connection: AsyncConnection, changes: Sequence[Change], now: datetime) -> None:
    """Write changes at the end of their counties' feeds; call it last, since it holds the counters."""
    if not changes:
        return
    columns = {
        "villages": [c.village for c in changes],
        "types": [c.item_type for c in changes],
        "ids": [c.item_id for c in changes],
        "whats": [c.what for c in changes],
        "verdicts": [c.verdict_id for c in changes],
        "classifications": [c.classification for c in changes],
        "now": now,
    }
    await connection.execute(_APPEND, columns)


async def read(
    connection: AsyncConnection, county: str, who: Principal, after: int, limit: int
) -> list[dict[str, Any]]:
    """Changes of a county after a position that exist for the caller, in order."""
    query = (
        select(change)
        .where(change.c.county == county, change.c.position > after, visible(change, who))
        .order_by(change.c.position)
        .limit(limit)
    )
    return [dict(row._mapping) for row in await connection.execute(query)]
