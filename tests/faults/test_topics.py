"""Promise 12: a worker whose log was cut or replaced stops, says why, and never reads on as if all were there."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from sqlalchemy import text

from shared.messaging.client import EMPTY_POLL_MS, admin
from shared.messaging.topics import PARTITIONS, ensure_topics
from shared.messaging.worker import EXIT
from tests.faults.conftest import Keep, MakeLane, pick
from tests.faults.crew import crew
from tests.faults.ledger import Lane, officers, until
from tests.faults.load import applied_anew
from tests.faults.process import Orders, start

STOPS_WITHIN = 10.0
CUT, REPLACED = "OffsetOutOfRangeError", "LogReplaced"


@asynccontextmanager
async def _process(orders: Orders) -> AsyncIterator[BaseProcess]:
    process = start(orders)
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _worker(lane: Lane, said: Path) -> Orders:
    return Orders("worker", lane.address, options={"said": said})


@asynccontextmanager
async def _broker(lane: Lane) -> AsyncIterator[AIOKafkaAdminClient]:
    client = admin(lane.address.bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def _delete_all_records(lane: Lane) -> None:
    to_the_end = {TopicPartition(lane.address.topic, number): RecordsToDelete(-1) for number in range(PARTITIONS)}
    async with _broker(lane) as client:
        await client.delete_records(to_the_end)


async def _recreate_topic(lane: Lane) -> None:
    """As fast as the broker can."""
    topic, compacted = lane.address.topic, [lane.address.topic] if lane.address.compacted else []
    async with _broker(lane) as client:
        await client.delete_topics([topic])
        while topic in await client.list_topics():
            continue
    await ensure_topics(lane.address.bootstrap, 1, [topic], compacted)


async def _seconds_to_its_end(process: BaseProcess, said: Path, reason: str) -> float:
    """Until the worker has ended with the code of those who cannot be trusted any more, and said why."""
    began = time.monotonic()

    async def ended() -> bool:
        return not process.is_alive()

    await until(ended, STOPS_WITHIN)
    assert process.exitcode == EXIT
    assert reason in said.read_text()  # noqa: ASYNC240  # a small file
    return time.monotonic() - began


async def _publish(lane: Lane, streams: int, times: int) -> None:
    """So many facts for each of so many officers, and all of them on the log."""
    await lane.publish(*officers()[:streams] * times)

    await until(lane.sent, 60)


async def _all_read(lane: Lane) -> None:
    async def nothing_outstanding() -> bool:
        return await lane.outstanding() == 0

    await until(nothing_outstanding, 30)


async def _read_and_leave(lane: Lane) -> None:
    """A reader reads all there is and is gone."""
    async with _process(Orders("reader", lane.address)):
        await _all_read(lane)


async def _silently_skipped(lane: Lane) -> int:
    """Facts on the log that were not applied, of streams that nobody is told about."""
    told = {
        row.stream_key for row in await lane.read_rows("SELECT stream_key FROM stream_cursor WHERE held IS NOT NULL")
    }
    applied = {row.fact_id for row in await lane.read_rows()}
    sent = await lane.published_rows("SELECT fact_id, stream_key FROM outbox WHERE published_at IS NOT NULL")
    return sum(row.fact_id not in applied and row.stream_key not in told for row in sent)


async def _more_than(lane: Lane, count: int) -> bool:
    return await lane.count() > count


async def _is_told(lane: Lane) -> bool:
    """Some stream is held."""
    return bool(await lane.read_rows("SELECT held FROM stream_cursor WHERE held IS NOT NULL"))


async def _reads(lane: Lane, name: str) -> bool:
    """This reader has applied something of what is written now."""
    await lane.publish(*officers())
    return bool(await lane.read_rows("SELECT n FROM ledger WHERE worker = :name LIMIT 1", name=name))


async def _aside(lane: Lane, count: int) -> bool:
    """So many facts are dead letters or held."""
    [row] = await lane.read_rows("SELECT (SELECT count(*) FROM dead_letter) + (SELECT count(*) FROM held_fact) AS n")
    return bool(row.n == count)


async def _read_from_the_beginning(lane: Lane) -> None:
    """What the runbook says for a log that was cut."""
    async with lane.reader.engine.begin() as connection:
        await connection.execute(
            text("DELETE FROM consumer_offset WHERE topic = :topic"), {"topic": lane.address.topic}
        )
    await _read_and_leave(lane)


@asynccontextmanager
async def _relay(lane: Lane) -> AsyncIterator[None]:
    async with crew() as people:
        people.keep("relay", lambda: Orders("relay", lane.address))
        yield


async def test_a_worker_whose_records_were_deleted_unread_stops(
    make_lane: MakeLane, tmp_path: Path, keep: Keep
) -> None:
    took = []
    for number in range(pick(1, 10)):
        lane, said = await make_lane(), tmp_path / str(number)
        async with _relay(lane), _process(_worker(lane, said)) as worker:
            await _publish(lane, 40, 2)
            await _all_read(lane)
            os.kill(worker.pid or 0, signal.SIGSTOP)
            await asyncio.sleep(2 * EMPTY_POLL_MS / 1000)  # the poll in flight comes back without anything
            await _publish(lane, 40, 1)
            await _delete_all_records(lane)
            os.kill(worker.pid or 0, signal.SIGCONT)
            took.append(await _seconds_to_its_end(worker, said, CUT))
            assert await lane.count() == 80
    keep(
        12,
        "records deleted unread",
        f"{len(took)} times",
        f"stopped with the reason within {max(took):.1f} s (goal 10)",
    )


@pytest.mark.parametrize(
    ("streams", "before", "after", "reason"),
    [
        pytest.param(40, 2, 1, CUT, id="with fewer records"),
        pytest.param(1, 3, 2, REPLACED, id="with one record less"),
        pytest.param(40, 2, 2, REPLACED, id="with as many records"),
        pytest.param(40, 2, 5, REPLACED, id="with more records"),
    ],
)
async def test_a_worker_whose_topic_was_recreated_stops_before_it_applies_anything(
    streams: int, before: int, after: int, reason: str, lane: Lane, tmp_path: Path, keep: Keep
) -> None:
    took = []
    async with _relay(lane):
        await _publish(lane, streams, before)
        await _read_and_leave(lane)
        await _recreate_topic(lane)
        await _publish(lane, streams, after)
        for number in range(pick(1, 3)):  # each time it is started again
            async with _process(_worker(lane, tmp_path / str(number))) as worker:
                took.append(await _seconds_to_its_end(worker, tmp_path / str(number), reason))
        assert await lane.count() == streams * before
        await _read_from_the_beginning(lane)
    verdict = await lane.verdict()
    assert verdict.is_clean
    keep(
        12,
        f"topic recreated, {before} records a stream read, now {after}",
        f"{streams} streams, {len(took)} starts",
        f"stopped with the reason within {max(took):.1f} s (goal 10), applied 0; read again from the beginning: "
        f"lost {verdict.lost}, doubled {verdict.doubled}",
    )


async def test_a_worker_whose_topic_is_recreated_while_it_reads_stops(
    make_lane: MakeLane, tmp_path: Path, keep: Keep
) -> None:
    took = []
    for number in range(pick(1, 10)):
        lane, said = await make_lane(), tmp_path / str(number)
        async with _relay(lane), _process(_worker(lane, said)) as worker:
            await _publish(lane, 40, 2)
            await _all_read(lane)
            began = time.monotonic()
            await _recreate_topic(lane)
            await lane.publish(*officers() * 5)
            await _seconds_to_its_end(worker, said, "worker.failed")
            took.append(time.monotonic() - began)
        assert await lane.count() == 80
    told = f"stopped with the reason within {max(took):.1f} s (goal 10), applied 0"
    keep(12, "topic recreated under a reader", f"{len(took)} times", told)


async def test_reference_data_of_a_recreated_topic_is_read_from_its_beginning(make_lane: MakeLane, keep: Keep) -> None:
    lane = await make_lane(compacted=True)
    async with _relay(lane):
        await _publish(lane, 40, 2)
        await _read_and_leave(lane)
        await _recreate_topic(lane)
        await _publish(lane, 40, 2)
        await _publish(lane, 1, 1)
        async with _process(Orders("reader", lane.address, broken="trusts the log")):
            await until(lambda: _more_than(lane, 80))
        behind = await lane.outstanding()
        await _read_from_the_beginning(lane)
    assert behind > 0
    keep(12, "reference topic recreated", "40 keys", f"states lost 0; control (the log is trusted): {behind} behind")


async def test_partitions_that_come_back_are_not_taken_for_a_replaced_log(lane: Lane) -> None:
    async with _relay(lane), _process(Orders("reader", lane.address, "one")) as one:
        await _publish(lane, 40, 1)
        await _all_read(lane)
        async with _process(Orders("reader", lane.address, "two")):
            await until(lambda: _reads(lane, "two"))
        await applied_anew(lane, 30)
        assert one.is_alive()


@pytest.mark.parametrize("compacted", [False, True])
async def test_what_was_put_aside_is_not_taken_for_a_replaced_log(compacted: bool, make_lane: MakeLane) -> None:
    lane = await make_lane(compacted=compacted)
    reader = Orders("reader", lane.address, options={"refused": "poison"})
    async with _relay(lane):
        await lane.publish(*officers(), reason="poison")
        async with _process(reader):
            await until(lambda: _aside(lane, 40))
        async with _process(reader) as again:
            await lane.publish(*officers())
            await until(lambda: _more_than(lane, 39) if compacted else _aside(lane, 80))
            assert again.is_alive()


async def test_control_a_consumer_that_trusts_the_log_skips_facts_silently(lane: Lane, keep: Keep) -> None:
    async with _relay(lane):
        await _publish(lane, 40, 2)
        await _read_and_leave(lane)
        await _recreate_topic(lane)
        await _publish(lane, 40, 2)
        await _publish(lane, 1, 1)
        async with _process(Orders("reader", lane.address, broken="trusts the log")):
            await until(lambda: _is_told(lane))
    skipped = await _silently_skipped(lane)
    assert skipped > 0
    keep(12, "control: the log is trusted", "topic recreated with more records", f"skipped silently {skipped}")


async def test_control_a_consumer_that_resets_its_offset_skips_facts_silently(lane: Lane, keep: Keep) -> None:
    async with _relay(lane):
        await _publish(lane, 40, 2)
        await _read_and_leave(lane)
        await _publish(lane, 40, 1)
        await _delete_all_records(lane)

        async def reads_on() -> bool:
            await lane.publish(officers()[0])
            return await _is_told(lane)

        async with _process(Orders("reader", lane.address, broken="resets")):
            await until(reads_on)
    skipped = await _silently_skipped(lane)
    assert skipped > 0
    keep(12, "control: offsets are reset", "records deleted unread", f"skipped silently {skipped}")
