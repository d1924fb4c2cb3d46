"""The person at the command line, who mends what a lane's reader has put aside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from shared.messaging.handling import Subscription
from shared.messaging.repair import Repair, Replayed, mend
from shared.security.principal import Principal
from tests.faults.ledger import Lane, apply

_WHO = Principal("cli:tester", frozenset(), "", "internal", None)
_ALL = 10_000

T = TypeVar("T")


class Operator:
    """What `cunjing dead-letters` and `cunjing streams` do, one transaction for each act."""

    def __init__(self, lane: Lane, topics: Mapping[str, Subscription] | None = None) -> None:
        self._lane = lane
        self._topics = topics or lane.address.subscription(apply("mended"))

    async def held(self) -> dict[str, str]:
        """The streams that stand still, and why."""
        return {row.stream_key: row.reason for row in await self._do(lambda repair: repair.held_streams(_ALL))}

    async def to_replay(self) -> list[str]:
        """The streams that stand still or have dead letters."""
        return [key for _, key in await self._do(lambda repair: repair.streams_to_replay())]

    async def dead_letters(self) -> list[Any]:
        """All of them, oldest first."""
        return await self._do(lambda repair: repair.dead_letters(None, 0, _ALL))

    async def replay(self, key: str) -> Replayed:
        """Apply what was put aside of a stream."""
        return await self._do(lambda repair: repair.replay(self._lane.address.topic, key))

    async def discard(self, id: int) -> None:
        """Give a dead letter up."""
        await self._do(lambda repair: repair.discard(id, "nobody can read it"))

    async def accept(self, key: str) -> Replayed:
        """Go on over a gap or a fork."""
        return await self._do(lambda repair: repair.accept(self._lane.address.topic, key, "looked at"))

    async def _do(self, act: Callable[[Repair], Awaitable[T]]) -> T:
        return await mend(self._lane.reader, _WHO, self._topics, act)
