"""Which worker consumes which partitions: advisory locks on the connection that writes the effects.

Ownership ends with the session that writes, so a stalled or vanished worker can never write late; no group membership,
no heartbeat table, no clock. Every worker counts the live ones in `pg_locks` and takes its share by rank.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

PRESENT = 1_000_000

_PID = text("SELECT pg_backend_pid()")
_ANNOUNCE = text("SELECT pg_advisory_lock_shared(:topic, :present)")
_LOCKS = text(
    """
    SELECT classid::bigint AS topic, COALESCE(array_agg(pid) FILTER (WHERE objid = :present), '{}') AS live,
           COALESCE(array_agg(objid::int) FILTER (WHERE objid <> :present), '{}') AS parts,
           COALESCE(array_agg(pid) FILTER (WHERE objid <> :present), '{}') AS holders
    FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY classid
    """
)
_TRY = text("SELECT pg_try_advisory_lock(:topic, :part)")
_RELEASE = text("SELECT pg_advisory_unlock(:topic, :part)")


class OwnershipLost(RuntimeError):
    """A lock we believed to hold is not ours: another session may write, this process must exit."""


@dataclass
class Locks:
    """What `pg_locks` shows for one topic."""

    live: list[int] = field(default_factory=list)
    holder: dict[int, int] = field(default_factory=dict)


def shares(workers: int, partitions: int) -> list[int]:
    """How many partitions each rank gets: as equal as possible (rounding up for all would starve the last)."""
    return [partitions // workers + (rank < partitions % workers) for rank in range(workers)]


def rank_of(me: int, live: list[int], rotation: int) -> int:
    """My rank among the live workers, rotated per topic so that the larger shares are spread."""
    return (sorted(live).index(me) + rotation) % len(live)


class Ownership:
    """The partitions of several topics that this connection holds."""

    def __init__(self, connection: AsyncConnection, topics: tuple[str, ...], partitions: int) -> None:
        self._connection = connection
        self._partitions = partitions
        self._keys = {topic: zlib.crc32(topic.encode()) & 0x7FFFFFFF for topic in topics}
        self._me = 0
        self.held: dict[str, set[int]] = {topic: set() for topic in topics}

    async def announce(self) -> None:
        """Become visible to the other workers."""
        async with self._connection.begin():
            self._me = (await self._connection.execute(_PID)).scalar_one()
            for key in self._keys.values():
                await self._connection.execute(_ANNOUNCE, {"topic": key, "present": PRESENT})

    def surplus(self, locks: Mapping[str, Locks]) -> list[tuple[str, int]]:
        """Partitions to hand over to others: what we hold beyond our share."""
        over: list[tuple[str, int]] = []
        for rotation, topic in enumerate(self._keys):
            mine = sorted(self.held[topic])
            over += [(topic, part) for part in mine[self._quota(locks[topic], rotation)[1] :]]
        return over

    async def release(self, topic: str, partition: int) -> None:
        """Give a partition up; whoever calls has stopped reading it."""
        async with self._connection.begin():
            key = {"topic": self._keys[topic], "part": partition}
            if not (await self._connection.execute(_RELEASE, key)).scalar_one():
                raise OwnershipLost(f"{topic}/{partition} was not ours any more")
        self.held[topic].discard(partition)

    async def take(self, locks: Mapping[str, Locks]) -> list[tuple[str, int]]:
        """Take partitions that were free up to our share; returns the new ones."""
        taken: list[tuple[str, int]] = []
        async with self._connection.begin():
            for rotation, topic in enumerate(self._keys):
                start, quota = self._quota(locks[topic], rotation)
                missing = quota - len(self.held[topic])
                for part in self._free(locks[topic], start):
                    if missing <= 0:
                        break
                    if await self._try(topic, part):
                        self.held[topic].add(part)
                        taken.append((topic, part))
                        missing -= 1
        return taken

    def _quota(self, locks: Locks, rotation: int) -> tuple[int, int]:
        """Where our share starts, and how many partitions it has."""
        if self._me not in locks.live:
            raise OwnershipLost("this worker is not announced any more")
        rank = rank_of(self._me, locks.live, rotation)
        split = shares(len(locks.live), self._partitions)
        return sum(split[:rank]), split[rank]

    def _free(self, locks: Locks, start: int) -> Iterator[int]:
        around = ((start + step) % self._partitions for step in range(self._partitions))
        return (part for part in around if part not in locks.holder)

    async def _try(self, topic: str, partition: int) -> bool:
        key = {"topic": self._keys[topic], "part": partition}
        return bool((await self._connection.execute(_TRY, key)).scalar_one())

    async def look(self) -> Mapping[str, Locks]:
        """Who is there and who holds what, by topic. Also the connection's ping."""
        async with self._connection.begin():
            rows = await self._connection.execute(_LOCKS, {"present": PRESENT})
        found = {row.topic: Locks(row.live, dict(zip(row.parts, row.holders, strict=True))) for row in rows}
        return {topic: found.get(key) or Locks() for topic, key in self._keys.items()}
