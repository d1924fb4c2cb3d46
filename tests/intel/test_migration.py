"""What was kept before a migration is what it was afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import copy

from sqlalchemy import text

from services.intel.app import MIGRATIONS
from shared.database.migrate import migrate
from shared.database.unit import Database

_REPORT = """
    INSERT INTO report (report_id, matter_id, kind, category, village, reporter, source, noticed_at, reported_at, signs,
                        classification, actor, state, acknowledged)
    VALUES (gen_random_uuid(), gen_random_uuid(), 'dispute', 'x', '411622100201', gen_random_uuid(), 'direct', now(),
            now(), '{}', 'internal', 'x', 'ordered', '{}')
"""
_ORDER = """
    INSERT INTO station_order (order_id, report_id, station, hop, created_at, delivery, attempts, next_at)
    SELECT gen_random_uuid(), report_id, gen_random_uuid(), 1, now(), 'dead', 10, now() FROM report
"""
_ENDPOINT = """
    INSERT INTO endpoint (org_id, url, secret, tolerance_seconds, paused_at, updated_at)
    VALUES (gen_random_uuid(), 'http://127.0.0.1:1/', 'x', 300, now(), now())
"""


async def test_an_order_keeps_how_far_its_delivery_got(make_database: Callable[[], str], tmp_path: Path) -> None:
    for before in MIGRATIONS.glob("000[12]_*.py"):
        copy(before, tmp_path)
    database = Database(url := make_database())
    assert await migrate(url, tmp_path) == "0002"
    async with database.engine.begin() as connection:
        for statement in (_REPORT, _ORDER, _ENDPOINT):
            await connection.execute(text(statement))
    await migrate(url, MIGRATIONS)
    async with database.engine.connect() as connection:
        order = (await connection.execute(text("SELECT order_id, report_id, station FROM station_order"))).one()
        kept = (await connection.execute(text("SELECT * FROM delivery"))).one()
        endpoint = (await connection.execute(text("SELECT * FROM endpoint"))).one()
    await database.close()
    assert (kept.delivery_id, kept.report_id, kept.station) == tuple(order)
    assert (kept.order_id, kept.event, kept.state, kept.attempts) == (order.order_id, "order.created", "dead", 10)
    assert (endpoint.paused_because, endpoint.failures) == ("gone", 0)
