"""The relay's lower bound only passes ids that nobody can bring any more."""

from __future__ import annotations

from sqlalchemy import text

from shared.messaging.relay import Bound
from tests.messaging.support import OFFICERS, Lane, consuming, relaying, until


async def _advanced(bound: Bound, lane: Lane, times: int = 3) -> int:
    for _ in range(times):
        async with lane.publisher.engine.connect() as connection:
            await bound.advance(connection)
    return bound.value


async def test_it_stays_at_nothing_before_the_first_fact(lane: Lane) -> None:
    bound = Bound()
    assert await _advanced(bound, lane) == 0
    await lane.publish(OFFICERS[0])
    assert await _advanced(bound, lane) == 0, "the first row is unpublished"


async def test_it_follows_what_was_published(lane: Lane) -> None:
    await lane.publish(*OFFICERS)
    async with lane.publisher.engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET published_at = now() WHERE id <= 15"))
    assert await _advanced(Bound(), lane) == 15


async def test_it_waits_for_a_transaction_that_holds_a_smaller_id(lane: Lane) -> None:
    bound = Bound()
    async with lane.publisher.unit() as slow:
        slow.outbox.add(lane.fact(OFFICERS[0]))
        await slow.outbox.flush(slow.connection)
        await lane.publish(OFFICERS[1], OFFICERS[2])
        async with lane.publisher.engine.begin() as connection:
            await connection.execute(text("UPDATE outbox SET published_at = now()"))
        assert await _advanced(bound, lane) == 0
    assert await _advanced(bound, lane) == 0, "the slow row is there now, and unpublished"


async def test_a_fact_committed_late_is_sent_by_a_relay_that_sent_later_ones_before(lane: Lane) -> None:
    async with relaying(lane), consuming(lane):
        async with lane.publisher.unit() as slow:
            slow.outbox.add(lane.fact(OFFICERS[0]))
            await slow.outbox.flush(slow.connection)
            await lane.publish(OFFICERS[1])
            await until(lambda: _applied(lane, 1))
        await until(lambda: _applied(lane, 2))


async def _applied(lane: Lane, count: int) -> bool:
    return len(await lane.applied()) == count


async def test_rows_that_shall_be_sent_again_lower_it(lane: Lane) -> None:
    bound = Bound()
    await lane.publish(*OFFICERS)
    async with lane.publisher.engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET published_at = now()"))
    assert await _advanced(bound, lane) == len(OFFICERS)
    async with lane.publisher.engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET published_at = NULL WHERE id = 3"))
    assert await _advanced(bound, lane) == 2
