"""Every audit row gets one place in the chain, soon, and whatever others are doing meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from prometheus_client import REGISTRY

from shared.audit.chain import BEGINNING, COLUMNS, AuditRow, link
from shared.audit.sealer import seal
from shared.messaging.worker import Worker
from shared.settings import ServiceSettings
from tests.audit.support import Audited, act, run


async def test_rows_are_chained_in_the_order_they_were_written(audited: Audited) -> None:
    await audited.act("one", "two")
    await audited.act("three")
    await audited.seal()
    assert await audited.sealed() == ["one", "two", "three"]
    previous = BEGINNING
    query = f"SELECT {COLUMNS}, s.hash, s.position FROM audit a JOIN audit_seal s ON s.audit_id = a.id ORDER BY a.id"
    for number, (*row, sealed, position) in enumerate(await audited.rows(query), start=1):
        previous = link(previous, AuditRow(*row))
        assert (sealed, position) == (previous, number)


async def test_what_may_still_be_written_before_it_keeps_a_row_out_of_the_chain(audited: Audited) -> None:
    async with audited.database.unit() as slow:
        await act(slow, "begun first")
        await audited.act("done meanwhile")
        await audited.seal()
        assert await audited.sealed() == []
        await act(slow, "and went on")
    await audited.seal()
    assert await audited.sealed() == ["begun first", "and went on", "done meanwhile"]


async def test_what_was_rolled_back_leaves_no_gap(audited: Audited) -> None:
    await audited.act("one")
    async with audited.database.engine.connect() as connection:
        await run(connection, "INSERT INTO audit (at, subject, action, object, result) VALUES (now(), '', '', '', '')")
        await connection.rollback()
    await audited.act("two")
    await audited.seal()
    assert [row.position for row in await audited.rows("SELECT position FROM audit_seal ORDER BY 1")] == [1, 2]


async def test_many_rows_are_chained_in_pieces(audited: Audited) -> None:
    async with audited.database.engine.begin() as connection:
        many = "INSERT INTO audit (at, subject, action, object, result) SELECT now(), 'x', 'y', n::text, 'done'"
        await run(connection, f"{many} FROM generate_series(1, 2500) n")
    async with audited.database.unit() as unit:
        assert await seal(unit)
    assert len(await audited.sealed()) == 1000
    await audited.seal()
    assert await audited.sealed() == [str(n) for n in range(1, 2501)]


async def test_several_sealers_make_one_chain(audited: Audited) -> None:
    async def write(name: str) -> None:
        for n in range(20):
            await audited.act(f"{name} {n}")
            await audited.seal()

    await asyncio.gather(*(write(name) for name in "abcd"))
    await audited.seal()
    assert sorted(await audited.sealed()) == sorted(f"{name} {n}" for name in "abcd" for n in range(20))
    hashes = [row.hash for row in await audited.rows("SELECT hash FROM audit_seal ORDER BY position")]
    assert len(set(hashes)) == 80


async def test_a_database_put_back_on_another_server_goes_on_with_its_chain(audited: Audited) -> None:
    """There the numbers of transactions may begin anew: what was left to seal comes first, what is new after it."""
    await audited.act("sealed there", "left there")
    async with audited.database.engine.begin() as connection:
        await run(connection, "UPDATE audit SET txid = '900000000' WHERE object = 'sealed there'")
    await audited.seal()
    async with audited.database.engine.begin() as connection:
        await run(
            connection,
            "DELETE FROM audit_seal WHERE audit_id = (SELECT id FROM audit WHERE object = 'left there')",
            "UPDATE audit SET txid = '900000001' WHERE object = 'left there'",
        )
    await audited.act("written here")
    await audited.seal()
    await audited.act("and here")
    await audited.seal()
    assert await audited.sealed() == ["sealed there", "left there", "written here", "and here"]


async def test_a_head_is_told_once_each_time_it_moved(audited: Audited) -> None:
    told = "SELECT convert_from(body, 'UTF8')::json AS fact FROM outbox WHERE topic = 'personnel.pulse' ORDER BY id"
    await audited.tell()
    for name in ("one", "two"):
        await audited.act(name)
        await audited.seal()
        await audited.tell()
        await audited.tell()
    heads = await audited.rows("SELECT position AS rows, hash AS head FROM audit_seal ORDER BY position")
    facts = [row.fact for row in await audited.rows(told)]
    assert [(fact["rows"], fact["head"]) for fact in facts] == [tuple(row) for row in heads]


async def test_the_age_of_what_is_not_chained_is_shown(audited: Audited) -> None:
    def shown() -> float | None:
        return REGISTRY.get_sample_value("cunjing_audit_unsealed_seconds", {"service": audited.service})

    await audited.act("one")
    await audited.tamper("UPDATE audit SET at = now() - interval '1 hour'")
    await audited.tell()
    assert (shown() or 0) >= 3600
    await audited.seal()
    await audited.tell()
    assert shown() == 0


async def test_a_worker_seals_each_second_and_tells_twice_a_minute(audited: Audited) -> None:
    settings = ServiceSettings.model_construct(service="personnel")
    worker = Worker(settings, audited.database, versions=None)  # type: ignore[arg-type]  # nothing of it is started
    every = {ticker.name: ticker.interval for ticker in worker.common_tickers}
    assert every["audit seals"] <= timedelta(seconds=1)
    assert every["audit head"] <= timedelta(minutes=1)
