"""The outbox does not grow for ever, and what it keeps can be sent again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from shared.contracts.personnel import DivisionV1
from shared.messaging import outbox_care
from tests.messaging.support import OFFICERS, Lane, relaying, until


async def _age(lane: Lane, where: str = "true") -> None:
    """As if the rows had been written and sent three weeks ago."""
    async with lane.publisher.engine.begin() as connection:
        long_ago = "now() - interval '21 days'"
        await connection.execute(
            text(f"UPDATE outbox SET recorded_at = {long_ago}, published_at = {long_ago} WHERE {where}")
        )


async def _ids(lane: Lane, where: str = "true") -> list[int]:
    async with lane.publisher.engine.connect() as connection:
        return list((await connection.scalars(text(f"SELECT id FROM outbox WHERE {where} ORDER BY id"))).all())


async def test_old_published_rows_go_and_young_and_waiting_ones_stay(lane: Lane) -> None:
    await lane.publish(*OFFICERS)
    ids = await _ids(lane)
    await _age(lane, f"id <= {ids[9]}")
    async with lane.publisher.engine.begin() as connection:
        assert await outbox_care.remove_old(connection, 0) == ids[0] - 1
    assert await _ids(lane) == ids[10:]


async def test_writers_are_not_held_up_by_the_removal(lane: Lane) -> None:
    await lane.publish(*OFFICERS)
    await _age(lane)
    async with lane.publisher.engine.begin() as removing:
        await outbox_care.remove_old(removing, 0)
        await lane.publish(*OFFICERS)
    assert len(await _ids(lane)) == len(OFFICERS)


async def test_the_last_state_of_a_reference_stream_is_never_removed(lane: Lane) -> None:
    for _ in range(2):
        await lane.publish(*OFFICERS)
    topic = DivisionV1.TOPIC
    async with lane.publisher.engine.begin() as connection:
        for table in ("outbox", "outbox_stream"):
            await connection.execute(text(f"UPDATE {table} SET topic = :topic"), {"topic": topic})
    await _age(lane)
    async with lane.publisher.engine.begin() as connection:
        await outbox_care.remove_old(connection, 0)
    assert await _ids(lane) == await _ids(lane, "sequence = 2")
    assert len(await _ids(lane)) == len(OFFICERS)


async def test_heads_that_changed_lately_are_sent_again_and_older_states_are_not(lane: Lane) -> None:
    for _ in range(2):
        await lane.publish(*OFFICERS[:3])
    topic = DivisionV1.TOPIC
    async with lane.publisher.engine.begin() as connection:
        for table in ("outbox", "outbox_stream"):
            await connection.execute(text(f"UPDATE {table} SET topic = :topic"), {"topic": topic})
        await connection.execute(text("UPDATE outbox SET published_at = now()"))
        await outbox_care.send_heads_again(connection, datetime.now(UTC) - outbox_care.RECENT_HEADS)
        assert await outbox_care.send_some_heads(connection) == 3
        assert await outbox_care.send_some_heads(connection) == 0
        assert await outbox_care.send_some_heads(connection) is None
    assert await _ids(lane, "published_at IS NULL") == await _ids(lane, "sequence = 2")


async def test_many_heads_are_sent_again_in_pieces_and_go_on_where_one_stopped(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_care, "PIECE", 7)
    await lane.publish(*OFFICERS)
    async with lane.publisher.engine.begin() as connection:
        for table in ("outbox", "outbox_stream"):
            await connection.execute(text(f"UPDATE {table} SET topic = :topic"), {"topic": DivisionV1.TOPIC})
        await connection.execute(text("UPDATE outbox SET published_at = now()"))
        await outbox_care.send_heads_again(connection)
    pieces = []
    for _ in range(5):
        async with lane.publisher.engine.begin() as connection:
            pieces.append(await outbox_care.send_some_heads(connection))
    assert pieces == [7, 7, 6, 0, None]
    assert await _ids(lane, "published_at IS NULL") == await _ids(lane)


async def test_one_old_row_sent_again_is_one_row_that_waits(lane: Lane) -> None:
    await lane.publish(*OFFICERS)
    async with lane.publisher.engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET published_at = now()"))
        await outbox_care.republish(connection, lane.topic, str(OFFICERS[0]), 1)
        assert (await outbox_care.waiting(connection, 100)).depth == 1


async def test_the_status_names_what_waits_and_who_sends(lane: Lane) -> None:
    await lane.publish(*OFFICERS)
    async with lane.publisher.engine.connect() as connection:
        [row] = await outbox_care.status(connection)
        assert (row.topic, row.waiting, row.kept) == (lane.topic, 20, 20)
        assert await outbox_care.relay_session(connection) is None
    async with relaying(lane):
        await until(lambda: _sent(lane))
        async with lane.publisher.engine.connect() as connection:
            [row] = await outbox_care.status(connection)
            assert (row.waiting, row.kept) == (0, 20)
            assert await outbox_care.relay_session(connection) is not None


async def _sent(lane: Lane) -> bool:
    return await _ids(lane, "published_at IS NULL") == []


async def test_rows_are_sent_again_from_a_sequence_on(lane: Lane) -> None:
    await lane.publish(*[OFFICERS[0]] * 5, OFFICERS[1])
    async with lane.publisher.engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET published_at = now()"))
        assert await outbox_care.republish(connection, lane.topic, str(OFFICERS[0]), 3) == 3
        assert await outbox_care.republish(connection, lane.topic, None, 1) == 3


async def test_a_new_epoch_marks_the_facts_that_follow(lane: Lane) -> None:
    await lane.publish(OFFICERS[0])
    async with lane.publisher.engine.begin() as connection:
        before = await outbox_care.epoch(connection)
        assert await outbox_care.new_epoch(connection) > before
    await lane.publish(OFFICERS[0])
    async with lane.publisher.engine.connect() as connection:
        first, second = (await connection.scalars(text("SELECT epoch FROM outbox ORDER BY id"))).all()
    assert second > first
