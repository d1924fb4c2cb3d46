"""Promise 11: history that was lost or rewritten stops the streams it concerns, visibly, and can be healed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.clock import system_clock
from shared.database.engine import owning_connection
from shared.database.unit import Database
from shared.devstack.postgres import PostgresServer
from shared.messaging import outbox_care
from shared.messaging.consumer import Consumer
from tests.faults.conftest import Keep, MakeLane, pick
from tests.faults.crew import Crew, crew
from tests.faults.ledger import Lane, apply, officers, until
from tests.faults.mending import Operator
from tests.faults.process import Orders

PATIENCE = 90.0
"""Seconds; a machine may have other work."""


async def _gauges(lane: Lane) -> tuple[float | None, float | None]:
    """Streams and facts held, as a worker tells Prometheus."""
    connection = await owning_connection(lane.reader.url, lambda: None, "test")
    worker = Consumer(
        connection, lane.address.bootstrap, "test", lane.address.subscription(apply("gauges")), system_clock
    )
    await worker._look_at_held()
    await worker._kafka.stop()
    await connection.close()
    labels = {"service": "test", "topic": lane.address.topic}
    return tuple(REGISTRY.get_sample_value(f"cunjing_held_{what}", labels) for what in ("streams", "facts"))  # type: ignore[return-value]


def _both(people: Crew, lane: Lane, broken: str | None = None) -> None:
    people.keep("relay", lambda: Orders("relay", lane.address))
    people.keep("reader", lambda: Orders("reader", lane.address, broken=broken))


async def _with_gaps(lane: Lane, rows: int, streams: int, gaps: int) -> dict[str, int]:
    """A backlog of which some facts never reach the log though their rows say so; by stream, which one."""
    await lane.backlog(rows, streams=streams)
    lost = {str(officer): random.randint(1, rows // streams - 1) for officer in random.sample(officers(streams), gaps)}
    async with lane.publisher.engine.begin() as connection:
        await connection.execute(
            text(
                """
                UPDATE outbox o SET published_at = now() FROM unnest(CAST(:keys AS text[]), CAST(:seqs AS bigint[]))
                    AS lost(key, seq) WHERE o.stream_key = lost.key AND o.sequence = lost.seq
                """
            ),
            {"keys": list(lost), "seqs": list(lost.values())},
        )
    return lost


async def _sequences(lane: Lane) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row in await lane.read_rows():
        found[row.stream_key].append(row.sequence)
    return dict(found)


async def test_a_gap_holds_its_stream_until_the_missing_fact_is_sent_again(lane: Lane, keep: Keep) -> None:
    rows, streams, gaps = pick(1_200, 18_000), pick(60, 600), pick(8, 80)
    lost = await _with_gaps(lane, rows, streams, gaps)
    async with crew() as people:
        _both(people, lane)
        await until(lane.caught_up, seconds=PATIENCE)
        held = await Operator(lane).held()
        assert held == {key: f"gap: {seq + 1} after {seq - 1}" for key, seq in lost.items()}
        assert await _sequences(lane) == {
            str(officer): list(range(1, lost.get(str(officer), rows // streams + 1)))
            for officer in officers(streams)
            if lost.get(str(officer)) != 1
        }
        behind = sum(rows // streams - seq for seq in lost.values())
        assert await _gauges(lane) == (gaps, behind)
        for key, seq in lost.items():
            async with lane.publisher.unit() as unit:
                await outbox_care.republish(unit.connection, lane.address.topic, key, seq)
        await people.kill("relay")  # a new one looks for such rows at once, one at work within 15 s
        await until(lane.caught_up, seconds=PATIENCE)
        for key in held:
            await Operator(lane).replay(key)
        verdict = await lane.settled()
    assert verdict.is_clean
    assert await Operator(lane).held() == {}
    keep(
        11,
        "gaps",
        f"{rows:,} facts of {streams} streams, {gaps} missing on the log",
        f"held exactly those {len(held)} streams with the reason, {behind:,} facts waiting in the gauge, others whole; "
        f"after republish and replay lost {verdict.lost}, doubled {verdict.doubled}, "
        f"out of order {verdict.out_of_order}, outstanding {verdict.outstanding}",
    )


async def test_control_a_reader_that_does_not_look_for_gaps_goes_over_them_silently(lane: Lane, keep: Keep) -> None:
    await _with_gaps(lane, 1_200, 60, 8)
    async with crew() as people:
        _both(people, lane, broken="no continuity")
        await until(lane.caught_up, seconds=PATIENCE)
        verdict = await lane.verdict()
    assert await Operator(lane).held() == {}
    assert verdict.lost == 8
    keep(11, "control: gaps not looked for", "1,200 facts, 8 missing on the log", f"lost silently {verdict.lost}")


OLD, BOTH, NEW = slice(0, 5), slice(5, 15), slice(15, 30)
"""Officers who are written about after the backup in the history that is lost, in both, in the new one."""


async def copy_of(postgres: PostgresServer, lane: Lane) -> str:
    """A copy of the publisher's database as it is now; nobody may be at work in it meanwhile."""
    await lane.publisher.close()
    url = make_url(lane.publisher.url)
    copy = f"test_{uuid4().hex[:12]}"
    engine = create_async_engine(postgres.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {copy} TEMPLATE {url.database} OWNER {url.username}"))
    return str(url.set(database=copy))


async def _publish_some(lane: Lane, chosen: Iterable[UUID]) -> None:
    for officer in chosen:
        await lane.publish(*[officer] * random.randint(1, 4))


Publisher = Callable[[Crew, Lane], Awaitable[None]]
"""Starts what sends the publisher's facts, whatever it does first."""


async def _rewritten(people: Crew, lane: Lane, postgres: PostgresServer, start: Publisher, again: Publisher) -> Lane:
    """Publish, back up, publish on; then go on from the backup. Returns the lane of the restored publisher."""
    people.keep("reader", lambda: Orders("reader", lane.address))
    await start(people, lane)
    await lane.backlog(400)
    await until(lane.caught_up, seconds=PATIENCE)
    people.dismiss("publisher")
    copy = await copy_of(postgres, lane)
    await start(people, lane)
    await _publish_some(lane, [*officers()[OLD], *officers()[BOTH]])
    await until(lane.caught_up, seconds=PATIENCE)
    people.dismiss("publisher")
    restored = Lane(replace(lane.address, publisher=copy), Database(copy), lane.reader)
    await again(people, restored)
    await _publish_some(restored, [*officers()[BOTH], *officers()[NEW]])
    await until(restored.caught_up, seconds=PATIENCE)
    return restored


async def _relay(people: Crew, lane: Lane) -> None:
    people.keep("publisher", lambda: Orders("relay", lane.address))


async def _relay_after_a_new_epoch(people: Crew, lane: Lane) -> None:
    async with lane.publisher.unit() as unit:
        await outbox_care.new_epoch(unit.connection)
    await _relay(people, lane)


def _worker(folder: Path) -> Publisher:
    """The publisher's own worker process; facts are published once it is at work."""

    async def start(people: Crew, lane: Lane) -> None:
        options = {"publishes": True, "said": folder / "said"}
        people.keep("publisher", lambda: Orders("worker", lane.address, options=options))

        async def at_work() -> bool:
            async with lane.publisher.engine.connect() as connection:
                return await outbox_care.relay_session(connection) is not None

        await until(at_work, seconds=PATIENCE)

    return start


async def _unseen(before: Iterable[Any], lane: Lane) -> int:
    """Facts of both histories that are neither applied nor held nor anywhere else: dropped as if they were repeats."""
    written = {str(row.fact_id) for row in (*before, *await lane.published_rows())}
    known = await lane.read_rows(
        """
        SELECT fact_id::text AS id FROM ledger
        UNION SELECT headers ->> 'ce_id' FROM held_fact UNION SELECT headers ->> 'ce_id' FROM dead_letter
        """
    )
    return len(written - {row.id for row in known})


async def _accept_all(lane: Lane) -> int:
    operator = Operator(lane)
    held = await operator.held()
    for key in held:
        await operator.accept(key)
    return len(held)


def _is_in_order(ledger: Iterable[Any], history: Iterable[Any]) -> bool:
    """Whether what a history holds was applied in its order, whatever stands between."""
    place = {row.fact_id: row.id for row in history}
    last: dict[str, int] = defaultdict(int)
    for row in ledger:
        if row.fact_id in place:
            if place[row.fact_id] < last[row.stream_key]:
                return False
            last[row.stream_key] = place[row.fact_id]
    return True


async def _judge_both_histories(lane: Lane, before: list[Any]) -> int:
    """Every fact of both histories is in the ledger exactly once and in order; returns how many there are."""
    ledger, after = await lane.read_rows(), await lane.published_rows()
    ids = [row.fact_id for row in ledger]
    assert len(ids) == len(set(ids))
    assert set(ids) == {row.fact_id for row in (*before, *after)}
    assert _is_in_order(ledger, before)
    assert _is_in_order(ledger, after)
    assert await lane.outstanding() == 0
    return len(ids)


async def _restored_and_healed(lane: Lane, postgres: PostgresServer, start: Publisher, again: Publisher) -> str:
    async with crew() as people:
        restored = await _rewritten(people, lane, postgres, start, again)
        before = await lane.published_rows()
        held = await Operator(lane).held()
        assert held.keys() == {str(officer) for officer in officers()[BOTH]}
        assert all(reason.startswith("fork: ") for reason in held.values())
        assert await _unseen(before, restored) == 0
        accepted = await _accept_all(restored)
        await restored.publish(*officers())  # those only the lost history knew of are noticed now
        await until(restored.caught_up, seconds=PATIENCE)
        assert (await Operator(lane).held()).keys() == {str(officer) for officer in officers()[OLD]}
        accepted += await _accept_all(restored)
        facts = await _judge_both_histories(restored, before)
        await restored.publisher.close()
    return f"{accepted} forked streams held, others whole; after accept {facts:,} facts of both histories once each"


async def test_a_publisher_restored_from_an_older_backup_is_noticed_and_healed(
    make_lane: MakeLane, postgres: PostgresServer, keep: Keep
) -> None:
    rounds = pick(1, 5)
    for _ in range(rounds):
        told = await _restored_and_healed(await make_lane(), postgres, _relay, _relay_after_a_new_epoch)
    keep(11, "forks: restored, with `new-epoch`", f"{rounds} restores", told)


async def test_a_restored_publisher_begins_a_new_epoch_by_itself(
    lane: Lane, postgres: PostgresServer, tmp_path: Path, keep: Keep
) -> None:
    worker = _worker(tmp_path)
    told = await _restored_and_healed(lane, postgres, worker, worker)
    assert "outbox.new_epoch" in (tmp_path / "said").read_text()
    keep(11, "forks: restored, `new-epoch` forgotten", "1 restore, seen by the worker at its start", told)


async def test_control_a_history_rewritten_in_the_same_epoch_is_dropped_silently(
    lane: Lane, postgres: PostgresServer, keep: Keep
) -> None:
    async with crew() as people:
        restored = await _rewritten(people, lane, postgres, _relay, _relay)
        dropped = await _unseen(await lane.published_rows(), restored)
        await restored.publisher.close()
    assert dropped > 0
    keep(11, "control: the same epoch after a restore", "1 restore", f"dropped silently {dropped}")


@pytest.fixture
async def publisher(make_lane: MakeLane) -> Database:
    """A publisher's database whose worker has started once."""
    found = (await make_lane()).publisher
    await _follow(found)
    return found


async def _follow(database: Database) -> int:
    async with database.unit() as unit:
        await outbox_care.follow_origin(unit.connection)
        return await outbox_care.epoch(unit.connection)


async def test_a_database_that_stays_where_it_is_keeps_its_epoch(publisher: Database) -> None:
    assert [await _follow(publisher) for _ in range(2)] == [1, 1]


async def test_tables_put_back_into_the_same_database_are_another_history(publisher: Database) -> None:
    async with publisher.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE restored (LIKE outbox_epoch INCLUDING ALL)"))
        await connection.execute(text("INSERT INTO restored SELECT * FROM outbox_epoch"))
        await connection.execute(text("DROP TABLE outbox_epoch"))
        await connection.execute(text("ALTER TABLE restored RENAME TO outbox_epoch"))
    assert await _follow(publisher) > 1


async def test_a_new_epoch_is_one_by_the_clock_whatever_the_backup_remembers(publisher: Database) -> None:
    steps = text("SELECT (EXTRACT(epoch FROM now() - TIMESTAMPTZ '2026-01-01 00:00Z') / 300)::bigint")
    async with publisher.unit() as unit:
        now = (await unit.connection.execute(steps)).scalar_one()
        first, second = [await outbox_care.new_epoch(unit.connection) for _ in range(2)]
    assert now <= first <= now + 2
    assert second == first + 1
