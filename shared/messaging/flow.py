"""The count check: what this service has published and what it has applied, topic by topic."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.security.dependencies import requires
from shared.web.unit import UnitOfWork

_PUBLISHED = text("SELECT topic, sum(last_seq)::bigint AS facts FROM outbox_stream GROUP BY topic")
_WAITING = text("SELECT count(*) FROM outbox WHERE published_at IS NULL")
_APPLIED = text(
    """
    SELECT c.topic, c.facts, COALESCE(t.duplicates, 0)::bigint AS duplicates, COALESCE(t.skipped, 0)::bigint AS skipped,
           (SELECT count(*) FROM dead_letter d WHERE d.topic = c.topic) AS dead_letters,
           (SELECT count(*) FROM held_fact h WHERE h.topic = c.topic) AS held
    FROM (SELECT topic, COALESCE(sum(last_seq), 0)::bigint AS facts
          FROM stream_cursor FULL JOIN (SELECT DISTINCT topic FROM consumer_offset) o USING (topic)
          GROUP BY topic) c
    LEFT JOIN (SELECT topic, sum(duplicates) AS duplicates, sum(skipped) AS skipped
               FROM consumer_tally GROUP BY topic) t USING (topic)
    """
)


class Applied(BaseModel):
    """What a reader has done with one topic; `facts` is the sum of its stream cursors."""

    facts: int
    duplicates: int
    skipped: int
    dead_letters: int
    held: int


class Flow(BaseModel):
    """Facts of one service: a reader is complete when its `applied.facts` equals the publisher's `published`."""

    published: dict[str, int]
    waiting: int
    applied: dict[str, Applied]


async def flow(connection: AsyncConnection) -> Flow:
    """The counts of this database as they are now."""
    published = {row.topic: row.facts for row in await connection.execute(_PUBLISHED)}
    waiting = (await connection.execute(_WAITING)).scalar_one()
    rows = await connection.execute(_APPLIED)
    applied = {row.topic: Applied.model_validate(row, from_attributes=True) for row in rows}
    return Flow(published=published, waiting=waiting, applied=applied)


router = APIRouter(tags=["ops"])


@router.get("/v1/flow", dependencies=[Depends(requires("ops"))])
async def get_flow(unit: UnitOfWork) -> Flow:
    """Published and applied facts per topic, for the count check."""
    return await flow(unit.connection)
