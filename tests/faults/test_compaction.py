"""Promise 18: whatever lies on a compacted topic and in which order, the last version of every key is the one known."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts.envelope import headers
from shared.database.unit import Database
from shared.devstack.postgres import PostgresServer
from shared.messaging import outbox_care
from shared.messaging.client import admin
from shared.messaging.client import consumer as kafka_consumer
from shared.messaging.client import producer as kafka_producer
from shared.messaging.topics import PARTITIONS
from tests.faults.conftest import Keep, MakeLane, MakeReader, pick
from tests.faults.crew import crew
from tests.faults.ledger import Lane, officers, until
from tests.faults.process import Orders
from tests.faults.test_histories import copy_of

OTHERS = officers(100)[40:]
"""Keys whose records only move the log on, so that what lies before them can be compacted."""

_AT_ONCE = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.01",
    "min.compaction.lag.ms": "0",
}


async def _configure(lane: Lane, kind: ConfigResourceType, name: str, settings: dict[str, str]) -> None:
    client = admin(lane.address.bootstrap)
    await client.start()
    try:
        answers = await client.alter_configs([ConfigResource(kind, name, settings)])
    finally:
        await client.close()
    assert [code for answer in answers for code, *_ in answer.resources if code] == []


@pytest.fixture
async def lane(make_lane: MakeLane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lane]:
    """A compacted lane on a broker whose cleaner looks for work all the time."""
    lane = await make_lane(compacted=True)
    monkeypatch.setattr(outbox_care, "COMPACTED", frozenset({lane.address.topic}))
    await _configure(lane, ConfigResourceType.BROKER, "1", {"log.cleaner.backoff.ms": "100"})
    yield lane
    await _configure(lane, ConfigResourceType.BROKER, "1", {})


async def _log(lane: Lane) -> dict[str, list[int]]:
    """The sequences that lie on the log now, by key, in their order there."""
    client = kafka_consumer(lane.address.bootstrap, "test")
    await client.start()
    partitions = [TopicPartition(lane.address.topic, number) for number in range(PARTITIONS)]
    client.assign(partitions)
    ends = await client.end_offsets(partitions)
    await client.seek_to_beginning(*partitions)
    found: dict[str, list[int]] = {}
    while any([await client.position(partition) < end for partition, end in ends.items()]):
        for records in (await client.getmany(timeout_ms=100, max_records=5000)).values():
            for record in records:
                found.setdefault(record.key.decode(), []).append(int(dict(record.headers)["ce_sequence"]))
    await client.stop()
    return found


async def _versions(lane: Lane, keys: int, versions: int, kills: int) -> None:
    """That many versions of each key, sent by relays that are killed at it."""
    async with crew() as people:
        people.keep("relay", lambda: Orders("relay", lane.address))
        for number in range(versions):
            await lane.publish(*officers()[:keys])
            if number < kills:
                await asyncio.sleep(random.uniform(0, 0.1))
                await people.kill("relay")
        await until(lane.sent, seconds=90)


async def _sent_late(lane: Lane, count: int) -> dict[str, int]:
    """Old versions of some keys come last, as from a retry of a relay that is gone; by key, which version."""
    rows = await lane.published_rows(
        """
        SELECT topic, stream_key, sequence, previous, epoch, attributes, body FROM outbox
        WHERE sequence < (SELECT last_seq FROM outbox_stream s WHERE s.stream_key = outbox.stream_key)
        """
    )
    late = {row.stream_key: row for row in random.sample(rows, len(rows))}
    producer = kafka_producer(lane.address.bootstrap, "test")
    await producer.start()
    for row in list(late.values())[:count]:
        said = headers(row.attributes, sequence=row.sequence, previous=row.previous, epoch=row.epoch)
        await producer.send_and_wait(row.topic, key=row.stream_key.encode(), value=row.body, headers=said)
    await producer.stop()
    return {row.stream_key: row.sequence for row in list(late.values())[:count]}


async def _until_compacted(lane: Lane, last: dict[str, int]) -> None:
    """Move the log on until only these versions of these keys are left."""

    async def compacted() -> bool:
        await lane.publish(*OTHERS)
        await until(lane.sent, seconds=90)
        log = await _log(lane)
        return all(log[key] == [sequence] for key, sequence in last.items())

    await _configure(lane, ConfigResourceType.TOPIC, lane.address.topic, _AT_ONCE)
    async with crew() as people:
        people.keep("relay", lambda: Orders("relay", lane.address))
        await until(compacted, seconds=90)


async def _wrong(lane: Lane, broken: str | None = None) -> int:
    """Keys of which this lane's reader, once it has read all, does not know the last version."""
    async with crew() as people:
        people.keep("reader", lambda: Orders("reader", lane.address, broken=broken))
        await until(lane.caught_up, seconds=90)
    return await _not_the_last(lane)


async def _not_the_last(lane: Lane) -> int:
    known = {
        row.stream_key: row.fact_id
        for row in await lane.read_rows(
            "SELECT DISTINCT ON (stream_key) stream_key, fact_id FROM ledger ORDER BY stream_key, n DESC"
        )
    }
    heads = await lane.published_rows("SELECT stream_key, last_id FROM outbox_stream")
    return sum(known.get(row.stream_key) != row.last_id for row in heads)


async def test_the_last_version_of_every_key_survives_late_retries_and_compaction(
    lane: Lane, with_new_reader: MakeReader, keep: Keep
) -> None:
    versions, kills, late = pick(4, 40), pick(2, 20), pick(10, 30)
    await _versions(lane, 40, versions, kills)
    old = await _sent_late(lane, late)
    assert await _wrong(lane) == 0
    await _until_compacted(lane, old)
    unprotected = await with_new_reader(lane)
    wrong_without = await _wrong(unprotected)
    assert wrong_without == late  # the control: what nothing but the log knows is lost there
    async with lane.publisher.unit() as unit:
        await outbox_care.send_heads_again(unit.connection)
        again = await outbox_care.send_some_heads(unit.connection)
    await _until_compacted(lane, dict.fromkeys(old, versions))
    readers = (lane, unprotected, await with_new_reader(lane))
    wrong = [await _wrong(reader) for reader in readers]
    assert wrong == [0, 0, 0]
    keep(
        18,
        "compacted topics",
        f"{versions} versions of 40 keys, {kills} relays killed, {late} old versions late, compacted twice",
        f"wrong last versions at an old, a misled and an empty reader {wrong}, after {again} heads sent again",
    )
    keep(18, "control: heads not sent again", f"{late} old versions late, compacted", f"wrong {wrong_without}")


async def test_control_a_reader_that_takes_the_last_record_is_wrong(lane: Lane, keep: Keep) -> None:
    await _versions(lane, 40, 3, 0)
    await _sent_late(lane, 10)
    wrong = await _wrong(lane, broken="no cursors")
    assert wrong > 0
    keep(18, "control: the last record counts", "40 keys, 10 old versions late", f"wrong {wrong}")


async def test_readers_come_back_to_what_a_restored_publisher_knows(
    lane: Lane, postgres: PostgresServer, keep: Keep
) -> None:
    await _versions(lane, 40, 2, 0)
    copy = await copy_of(postgres, lane)
    await _versions(lane, 20, 2, 0)
    assert await _wrong(lane) == 0
    restored = Lane(replace(lane.address, publisher=copy), Database(copy), lane.reader)
    forgotten = await _not_the_last(restored)
    async with restored.publisher.unit() as unit:
        await outbox_care.new_epoch(unit.connection)
        assert await outbox_care.send_some_heads(unit.connection) == 40
    async with crew() as people:
        people.keep("relay", lambda: Orders("relay", restored.address))
        wrong = await _wrong(restored)
    await restored.publisher.close()
    assert (forgotten, wrong) == (20, 0)
    keep(
        18,
        "reference data after a restore",
        "40 keys, 20 changed after the backup",
        f"last versions that differ from the publisher's {wrong}; without new heads {forgotten}",
    )
