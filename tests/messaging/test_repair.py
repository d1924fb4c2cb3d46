"""What was put aside comes back: replayed, given up, or gone on over, always in the order of its stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from shared.contracts.envelope import Fact
from shared.database.unit import Unit
from shared.messaging.handling import Handler, Refused
from shared.messaging.repair import CannotRepair, Repair, mend
from shared.security.principal import Principal
from tests.messaging.support import OFFICERS, Lane, apply_all, consuming, relaying, until

T = TypeVar("T")
WHO = Principal("cli:tester", frozenset(), "", "internal", None)
KEY, OTHER = str(OFFICERS[0]), str(OFFICERS[1])


async def refuse_fraud(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
    await apply_all(facts, unit)
    return [Refused(fact, "no such officer") for fact in facts if fact.data.reason == "fraud"]


async def mended(lane: Lane, act: Callable[[Repair], Awaitable[T]], handler: Handler = apply_all) -> T:
    return await mend(lane.reader, WHO, lane.subscription(handler), act)


@asynccontextmanager
async def flowing(lane: Lane, handler: Handler = refuse_fraud) -> AsyncIterator[None]:
    async with relaying(lane), consuming(lane, handler):
        yield


async def sequences(lane: Lane, key: str = KEY) -> list[int]:
    return [row.sequence for row in await lane.applied() if row.stream_key == key]


async def count(lane: Lane, table: str) -> int:
    [row] = await lane.rows(f"SELECT count(*) AS n FROM {table}")
    return int(row.n)


async def with_a_dead_letter(lane: Lane) -> None:
    """Facts 1 to 5 of one stream, of which the third is refused; one fact of another stream."""
    await lane.publish(OFFICERS[0], OFFICERS[0])
    await lane.publish(OFFICERS[0], reason="fraud")
    await lane.publish(OFFICERS[0], OFFICERS[0], OFFICERS[1])
    async with flowing(lane):
        await until(lambda: _is(lane, "held_fact", 2))
        await until(lambda: _is(lane, "applied", 3))


async def _is(lane: Lane, table: str, expected: int) -> bool:
    return await count(lane, table) == expected


async def test_a_replay_applies_the_dead_letter_and_what_waited_behind_it_in_order(lane: Lane) -> None:
    await with_a_dead_letter(lane)
    [(topic, key)] = await mended(lane, lambda repair: repair.streams_to_replay())
    replayed = await mended(lane, lambda repair: repair.replay(topic, key))
    assert (replayed.applied, replayed.left, replayed.held) == (3, 0, None)
    assert await sequences(lane) == [1, 2, 3, 4, 5]
    assert (await count(lane, "dead_letter"), await count(lane, "held_fact")) == (0, 0)
    [audit] = await lane.rows("SELECT subject, action, result FROM audit")
    assert (audit.subject, audit.action, audit.result) == ("cli:tester", "dead_letter.replay", "applied 3, left 0")


async def test_a_replay_that_meets_the_same_refusal_changes_nothing(lane: Lane) -> None:
    await with_a_dead_letter(lane)
    before = await lane.rows("SELECT id, reason FROM dead_letter")
    replayed = await mended(lane, lambda repair: repair.replay(lane.topic, KEY), refuse_fraud)
    assert (replayed.applied, replayed.left) == (0, 3)
    assert await lane.rows("SELECT id, reason FROM dead_letter") == before
    assert await sequences(lane) == [1, 2]
    assert await count(lane, "held_fact") == 2


async def test_after_a_replay_the_stream_flows_again(lane: Lane) -> None:
    await with_a_dead_letter(lane)
    await mended(lane, lambda repair: repair.replay(lane.topic, KEY))
    await lane.publish(OFFICERS[0])
    async with flowing(lane):
        await until(lambda: _is(lane, "applied", 7))
    assert await sequences(lane) == [1, 2, 3, 4, 5, 6]


async def test_a_discarded_dead_letter_is_given_up_and_the_rest_goes_on(lane: Lane) -> None:
    await with_a_dead_letter(lane)
    [dead] = await mended(lane, lambda repair: repair.dead_letters(None, 0, 10))
    replayed = await mended(lane, lambda repair: repair.discard(dead.id, "entered twice"))
    assert replayed is not None
    assert (replayed.applied, replayed.left, replayed.held) == (2, 0, None)
    assert await sequences(lane) == [1, 2, 4, 5]
    [audit] = await lane.rows("SELECT action, reason FROM audit")
    assert (audit.action, audit.reason) == ("dead_letter.discard", "entered twice")


async def with_a_gap(lane: Lane) -> None:
    """Facts 1 to 4 of one stream, the second of which never came."""
    await lane.publish(*[OFFICERS[0]] * 4)
    async with lane.publisher.engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET published_at = now() WHERE sequence = 2"))
    async with flowing(lane):
        await until(lambda: _is(lane, "held_fact", 2))


async def test_a_gap_is_healed_by_sending_again_and_a_replay(lane: Lane) -> None:
    await with_a_gap(lane)
    async with lane.publisher.engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET published_at = NULL"))
    async with flowing(lane):
        await until(lambda: _is(lane, "held_fact", 5))
    replayed = await mended(lane, lambda repair: repair.replay(lane.topic, KEY))
    assert (replayed.left, replayed.held) == (0, None)
    assert await sequences(lane) == [1, 2, 3, 4]


async def test_a_gap_that_is_accepted_is_gone_over(lane: Lane) -> None:
    await with_a_gap(lane)
    [held] = await mended(lane, lambda repair: repair.held_streams(10))
    assert (held.stream_key, held.facts, held.reason) == (KEY, 2, "gap: 3 after 1")
    replayed = await mended(lane, lambda repair: repair.accept(lane.topic, KEY, "the log was cut"))
    assert (replayed.applied, replayed.left, replayed.held) == (2, 0, None)
    assert await sequences(lane) == [1, 3, 4]


async def test_what_does_not_fit_is_refused_with_what_to_do(lane: Lane) -> None:
    await with_a_dead_letter(lane)
    with pytest.raises(CannotRepair, match="replay or discard"):
        await mended(lane, lambda repair: repair.accept(lane.topic, KEY, "x"))
    with pytest.raises(CannotRepair, match="is not held"):
        await mended(lane, lambda repair: repair.accept(lane.topic, OTHER, "x"))
    with pytest.raises(CannotRepair, match="does not read"):
        await mended(lane, lambda repair: repair.replay("other.topic", KEY))
    with pytest.raises(CannotRepair, match="dead-letters list"):
        await mended(lane, lambda repair: repair.discard(10**6, "x"))
