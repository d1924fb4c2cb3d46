"""When a reader may call what it does not know unknown, and what it keeps of other services' audits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from shared.contracts.base import FactData
from shared.contracts.envelope import Fact
from shared.contracts.personnel import DivisionV1, OfficerV1
from shared.contracts.pulse import FieldworkAuditSealedV1, PersonnelHeartbeatV1
from shared.database.unit import Database
from shared.messaging.pulses import hear, heartbeat, keep_heads, knows_everything, tell_ends
from shared.messaging.topics import PARTITIONS
from tests.messaging.support import Lane, consuming, create_tables, relaying, until

KINDS = (DivisionV1, OfficerV1)


@pytest.fixture
async def reader(make_database: Callable[[], str]) -> Database:
    url = make_database()
    await create_tables(url)
    return Database(url)


def _fact(data: FactData) -> Fact[Any]:
    return Fact.of(data, time=datetime.now(UTC), actor="test", jurisdiction="")


async def _heard(reader: Database, ago: float) -> None:
    at = datetime.now(UTC) - timedelta(seconds=ago)
    async with reader.unit() as unit:
        await hear([_fact(PersonnelHeartbeatV1(service="personnel", at=at))], unit)


async def _stands_at_ends(reader: Database, partitions: int = PARTITIONS, ago: float = 0) -> None:
    ends = [(kind.TOPIC, number) for kind in KINDS for number in range(partitions)]
    async with reader.engine.begin() as connection:
        await tell_ends(connection, ends)
        await connection.execute(
            text("UPDATE read_to_end SET seen_at = seen_at - make_interval(secs => :ago)"), {"ago": ago}
        )


async def _knows(reader: Database) -> bool:
    async with reader.engine.connect() as connection:
        return await knows_everything(connection, *KINDS)


async def test_everything_is_known_at_the_topics_ends_beside_a_fresh_heartbeat(reader: Database) -> None:
    await _heard(reader, ago=50)
    await _stands_at_ends(reader, ago=20)
    assert await _knows(reader)


async def test_nothing_is_certain_while_the_publisher_is_silent(reader: Database) -> None:
    await _stands_at_ends(reader)
    assert not await _knows(reader)
    await _heard(reader, ago=70)
    assert not await _knows(reader)


async def test_nothing_is_certain_while_a_partition_is_behind_or_the_worker_is_silent(reader: Database) -> None:
    await _heard(reader, ago=1)
    await _stands_at_ends(reader, PARTITIONS - 1)
    assert not await _knows(reader)
    await _stands_at_ends(reader, ago=40)
    assert not await _knows(reader)


async def test_an_old_heartbeat_read_again_takes_nothing_back(reader: Database) -> None:
    await _stands_at_ends(reader)
    await _heard(reader, ago=1)
    await _heard(reader, ago=500)
    assert await _knows(reader)


async def test_a_consumer_tells_which_partitions_it_has_read_to_their_ends(lane: Lane) -> None:
    async def told() -> bool:
        rows = await lane.rows("SELECT count(*) AS n FROM read_to_end WHERE topic = :topic", topic=lane.topic)
        return bool(rows[0].n == PARTITIONS)

    async with relaying(lane), consuming(lane):
        await until(told)


async def test_every_head_of_an_audit_is_kept(reader: Database) -> None:
    def sealed(number: int) -> Fact[Any]:
        head = f"{number:064x}"
        return _fact(FieldworkAuditSealedV1(service="fieldwork", day=date(2026, 10, 1), rows=number, head=head))

    for facts in ([sealed(1), sealed(2)], [sealed(2), sealed(3)]):
        async with reader.unit() as unit:
            await keep_heads(facts, unit)
    async with reader.engine.connect() as connection:
        assert (await connection.scalars(text("SELECT rows FROM audit_head ORDER BY rows"))).all() == [1, 2, 3]


async def test_a_heartbeat_goes_out_as_every_fact_does(reader: Database) -> None:
    async with reader.unit() as unit:
        assert not await heartbeat("personnel")(unit)
    async with reader.engine.connect() as connection:
        row = (await connection.execute(text("SELECT topic, stream_key FROM outbox"))).one()
    assert tuple(row) == ("personnel.pulse", "personnel")
