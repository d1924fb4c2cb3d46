"""Relay and consumer beside floors written by hand for this one purpose, with the same guarantees, in the same run."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from aiokafka import TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bench.stack import Bench
from bench.world import backlog
from shared.clock import system_clock
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import ActivityRecordedV1
from shared.database.engine import owning_connection
from shared.database.roles import owner_address
from shared.database.unit import Database, Unit
from shared.messaging.client import consumer as kafka_consumer
from shared.messaging.client import producer as kafka_producer
from shared.messaging.consumer import Consumer
from shared.messaging.handling import Refused, Subscription
from shared.messaging.relay import Relay
from shared.messaging.topics import PARTITIONS, ensure_topics

FACTS = 30_000
ROUNDS = 3
GOAL = 0.7
TOPIC = ActivityRecordedV1.TOPIC

_UNSENT = """
    SELECT id, topic, stream_key, sequence, previous, epoch, attributes::text, body FROM outbox
    WHERE published_at IS NULL ORDER BY id LIMIT 500
    """
_SENT = "UPDATE outbox SET published_at = now() WHERE id = ANY($1)"


@dataclass(frozen=True)
class Path:
    """Facts per second of ours and of the floor, and the median of the rounds' ratios."""

    ours: float
    floor: float
    ratio: float


Measured = Callable[[Bench, Database, str], Awaitable[float]]
Prepare = Callable[[Bench, Database, str], Awaitable[None]]


async def relay(bench: Bench) -> Path:
    """A backlog of the outbox, until the last row is marked as sent."""
    return await _beside(bench, _our_relay, _floor_relay, prepare=_fill_outbox)


async def consumer(bench: Bench) -> Path:
    """A backlog on the broker, until the last fact has had its effect: a row in a tally of its own."""
    return await _beside(bench, our_consumer, _floor_consumer, prepare=fill_topic)


async def _beside(bench: Bench, ours: Measured, floor: Measured, prepare: Prepare) -> Path:
    rounds = []
    for number in range(ROUNDS):
        rates = []
        for name, measured in (("ours", ours), ("floor", floor)):
            topic = f"bench.{measured.__name__.strip('_')}.{name}{number}"
            database = await prepared(bench, topic, prepare)
            rates.append(FACTS / await measured(bench, database, topic))
            await database.close()
        rounds.append(tuple(rates))
    mine, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
    return Path(mine, theirs, statistics.median(a / b for a, b in rounds))


async def prepared(bench: Bench, topic: str, prepare: Prepare) -> Database:
    """A topic, and a database with the table of effects, filled by `prepare`."""
    await ensure_topics(bench.kafka.bootstrap_servers, 1, [topic], [])
    database = await bench.database("fieldwork")
    async with create_async_engine(owner_address(database.url), poolclass=NullPool).begin() as connection:
        await connection.execute(text("CREATE TABLE tally (fact_id uuid, stream_key text, sequence bigint)"))
        await connection.execute(text(f"GRANT ALL ON tally, outbox TO {database.engine.url.username}"))
    await prepare(bench, database, topic)
    return database


async def _fill_outbox(_bench: Bench, database: Database, topic: str) -> None:
    facts = list(backlog(FACTS))
    for begin in range(0, FACTS, 1000):
        async with database.unit() as unit:
            unit.outbox.add(*facts[begin : begin + 1000])
    async with database.engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET topic = :topic"), {"topic": topic})
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("VACUUM ANALYZE outbox"))


async def fill_topic(bench: Bench, database: Database, topic: str) -> None:
    """Write facts to the outbox and send them."""
    await _fill_outbox(bench, database, topic)
    await _floor_relay(bench, database, topic)


async def _our_relay(bench: Bench, database: Database, _topic: str) -> float:
    connection = await owning_connection(database.url, lambda: None, "bench")
    began = time.perf_counter()
    sending = asyncio.create_task(Relay(connection, bench.kafka.bootstrap_servers, "bench").run())
    seconds = await _until(database, "SELECT count(*) FROM outbox WHERE published_at IS NULL", 0, sending, began)
    await connection.close()
    return seconds


async def _floor_relay(bench: Bench, database: Database, _topic: str) -> float:
    connection = await asyncpg.connect(database.url.replace("postgresql+asyncpg", "postgresql"))
    kafka = kafka_producer(bench.kafka.bootstrap_servers, "bench")
    began = time.perf_counter()
    await kafka.start()
    while rows := await connection.fetch(_UNSENT):
        acks = [await kafka.send(row["topic"], **_message(row)) for row in rows]
        await asyncio.gather(*acks)
        await connection.execute(_SENT, [row["id"] for row in rows])
    seconds = time.perf_counter() - began
    await kafka.stop()
    await connection.close()
    return seconds


def _message(row: Any) -> dict[str, Any]:
    said = [(name, value.encode()) for name, value in orjson.loads(row["attributes"]).items()]
    placed = [("ce_sequence", str(row["sequence"]).encode()), ("ce_epoch", str(row["epoch"]).encode())]
    if row["previous"]:
        placed.append(("ce_previous", str(row["previous"]).encode()))
    return {"key": row["stream_key"].encode(), "value": row["body"], "headers": said + placed}


_TALLY = text(
    """
    INSERT INTO tally (fact_id, stream_key, sequence)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[]), CAST(:seqs AS bigint[]))
    """
)


async def _tally(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
    columns = {"ids": [f.id for f in facts], "keys": [f.stream_key for f in facts], "seqs": [f.sequence for f in facts]}
    await unit.connection.execute(_TALLY, columns)
    return ()


async def our_consumer(bench: Bench, database: Database, topic: str) -> float:
    """Seconds until the last fact of a filled topic has had its effect."""
    connection = await owning_connection(database.url, lambda: None, "bench")
    topics = {topic: Subscription(_tally, {ActivityRecordedV1.TYPE: ActivityRecordedV1}, compacted=False)}
    ours = Consumer(connection, bench.kafka.bootstrap_servers, "bench", topics, system_clock)
    began = time.perf_counter()
    seconds = await _until(database, "SELECT count(*) FROM tally", FACTS, asyncio.create_task(ours.run()), began)
    await ours._kafka.stop()
    await connection.close()
    return seconds


_LOCKED = "SELECT partition, next_offset FROM consumer_offset WHERE topic = $1 ORDER BY partition FOR UPDATE"
_CURSORS = "SELECT stream_key, last_seq, last_id FROM stream_cursor WHERE topic = $1 AND stream_key = ANY($2)"
_ROWS = "INSERT INTO tally SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[])"
_MOVE = """
    INSERT INTO stream_cursor (topic, stream_key, last_seq, last_id, epoch)
    SELECT $1, k, s, i, 1 FROM unnest($2::text[], $3::bigint[], $4::uuid[]) AS c(k, s, i)
    ON CONFLICT (topic, stream_key) DO UPDATE SET last_seq = excluded.last_seq, last_id = excluded.last_id
    """
_OFFSETS = """
    INSERT INTO consumer_offset (topic, partition, next_offset)
    SELECT $1, p, o FROM unnest($2::smallint[], $3::bigint[]) AS c(p, o)
    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
    """


async def _floor_consumer(bench: Bench, database: Database, topic: str) -> float:
    """Decode, check the version, drop duplicates by cursor, refuse gaps, write effect, cursors and offsets as one."""
    connection = await asyncpg.connect(database.url.replace("postgresql+asyncpg", "postgresql"))
    kafka = kafka_consumer(bench.kafka.bootstrap_servers, "bench")
    began = time.perf_counter()
    await kafka.start()
    kafka.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
    await kafka.seek_to_beginning()
    applied = 0
    while applied < FACTS:
        polled = await kafka.getmany(timeout_ms=250, max_records=1000)
        records = [record for of in polled.values() for record in of]
        if not records:
            continue
        async with connection.transaction():
            await connection.fetch(_LOCKED, topic)
            keys = sorted({record.key.decode() for record in records})
            cursors = {row[0]: (row[1], row[2]) for row in await connection.fetch(_CURSORS, topic, keys)}
            rows = [row for record in records if (row := _accepted(record, cursors))]
            ids, streams, sequences = (list(column) for column in zip(*rows, strict=True))
            await connection.execute(_ROWS, ids, streams, sequences)
            moved = sorted((key, *cursors[key]) for key in keys)
            await connection.execute(_MOVE, topic, *(list(column) for column in zip(*moved, strict=True)))
            offsets = {partition.partition: of[-1].offset + 1 for partition, of in polled.items()}
            await connection.execute(_OFFSETS, topic, list(offsets), list(offsets.values()))
        applied += len(rows)
    seconds = time.perf_counter() - began
    await kafka.stop()
    await connection.close()
    return seconds


def _accepted(record: Any, cursors: dict[str, tuple[int, UUID | None]]) -> tuple[UUID, str, int] | None:
    said = dict(record.headers)
    key, sequence, id = record.key.decode(), int(said["ce_sequence"]), UUID(said["ce_id"].decode())
    if said["ce_type"].decode() != ActivityRecordedV1.TYPE:
        return None
    last, last_id = cursors.get(key, (0, None))
    if sequence <= last:
        return None
    previous = said.get("ce_previous")
    if sequence != last + 1 or (previous and UUID(previous.decode()) != last_id):
        raise RuntimeError("a gap or a fork")
    ActivityRecordedV1.model_validate_json(record.value)
    cursors[key] = (sequence, id)
    return id, key, sequence


async def _until(database: Database, query: str, wanted: int, task: asyncio.Task[None], began: float) -> float:
    async with database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        while (await connection.execute(text(query))).scalar_one() != wanted:
            if task.done():
                task.result()
            await asyncio.sleep(0.05)
    seconds = time.perf_counter() - began
    task.cancel()
    await asyncio.wait([task])
    return seconds
