"""How fresh a reader's picture of a publisher is: heartbeats kept, ends of topics told, and the question about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.base import FactData
from shared.contracts.envelope import Fact
from shared.contracts.pulse import HEARTBEATS, SEALS
from shared.contracts.registry import types_for
from shared.database.unit import Unit
from shared.messaging.handling import Handler, Refused
from shared.messaging.topics import PARTITIONS

BEAT_EVERY = timedelta(seconds=20)
BEAT_AGE, END_AGE = timedelta(seconds=60), timedelta(seconds=30)
"""No older may a publisher's heartbeat be, and the word of one's own worker that it stands at a topic's end."""

_HEAR = text(
    """
    INSERT INTO heard AS h (publisher, beat_at) VALUES (:publisher, :beat_at)
    ON CONFLICT (publisher) DO UPDATE SET beat_at = excluded.beat_at WHERE h.beat_at < excluded.beat_at
    """
)
_KEEP_HEADS = text(
    """
    INSERT INTO audit_head (publisher, head, day, rows, sealed_at)
    SELECT * FROM unnest(CAST(:publishers AS text[]), CAST(:heads AS text[]), CAST(:days AS date[]),
                         CAST(:rows AS bigint[]), CAST(:sealed AS timestamptz[]))
    ON CONFLICT (publisher, head) DO NOTHING
    """
)
_TELL_ENDS = text(
    """
    INSERT INTO read_to_end (topic, partition, seen_at)
    SELECT t.topic, t.partition, clock_timestamp()
    FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS smallint[])) AS t(topic, partition)
    ORDER BY t.topic, t.partition
    ON CONFLICT (topic, partition) DO UPDATE SET seen_at = excluded.seen_at
    """
)
_KNOWS = text(
    """
    SELECT EXISTS (SELECT FROM heard WHERE publisher = :publisher
                   AND beat_at > clock_timestamp() - CAST(:beat_age AS interval))
       AND (SELECT count(*) FROM read_to_end WHERE topic = ANY(CAST(:topics AS text[]))
            AND seen_at > clock_timestamp() - CAST(:end_age AS interval)) >= :ends
    """
)


def heartbeat(service: str) -> Callable[[Unit], Awaitable[bool]]:
    """The tick that publishes a service's heartbeat."""

    async def beat(unit: Unit) -> bool:
        data = HEARTBEATS[service](service=service, at=unit.now)
        unit.outbox.add(Fact.of(data, time=unit.now, actor=service, jurisdiction=""))
        return False

    return beat


def pulse_handlers(service: str) -> dict[type[FactData], Handler]:
    """The handlers of the pulses that the registry lists for a reader."""
    kinds: dict[type[FactData], Handler] = dict.fromkeys(HEARTBEATS.values(), hear)
    kinds |= dict.fromkeys(SEALS.values(), keep_heads)
    return {kind: handler for kind, handler in kinds.items() if types_for(service, kind.TOPIC)}


async def hear(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
    """Keep when a publisher was heard last."""
    last = facts[-1].data
    await unit.connection.execute(_HEAR, {"publisher": last.service, "beat_at": last.at})
    return ()


async def keep_heads(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
    """Keep another service's audit heads, all of them, for good."""
    columns = {
        "publishers": [fact.data.service for fact in facts],
        "heads": [fact.data.head for fact in facts],
        "days": [fact.data.day for fact in facts],
        "rows": [fact.data.rows for fact in facts],
        "sealed": [fact.time for fact in facts],
    }
    await unit.connection.execute(_KEEP_HEADS, columns)
    return ()


async def tell_ends(connection: AsyncConnection, ends: Collection[tuple[str, int]]) -> None:
    """Note that these partitions are applied to their ends now."""
    columns = {"topics": [topic for topic, _ in ends], "partitions": [number for _, number in ends]}
    await connection.execute(_TELL_ENDS, columns)


async def knows_everything(connection: AsyncConnection, *kinds: type[FactData]) -> bool:
    """Whether everything these facts' publisher said of them lately is known here, so that the rest is unknown.

    The worker has told within half a minute that it stands at their topics' ends, and the publisher's heartbeat, which
    comes the same way, is less than a minute old. All `kinds` are one publisher's.
    """
    topics = sorted({kind.TOPIC for kind in kinds})
    asked = {"topics": topics, "ends": PARTITIONS * len(topics), "publisher": topics[0].partition(".")[0]}
    asked |= {"beat_age": BEAT_AGE, "end_age": END_AGE}
    return bool(await connection.scalar(_KNOWS, asked))
