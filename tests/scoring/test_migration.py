"""What was kept before a migration is what it was afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from shutil import copy
from uuid import UUID, uuid5

from sqlalchemy import text

from services.scoring.app import MIGRATIONS
from shared.database.migrate import migrate
from shared.database.unit import Database

ASSIGNMENT = UUID("0198c1a0-0000-7000-8000-000000000001")
_DAY = text(
    """
    INSERT INTO ledger_entry (entry_id, source, day, recorded, recorded_rev)
    VALUES (gen_random_uuid(), 'presence_day', '2026-10-06',
            json_build_object('assignment_id', CAST(:assignment AS text)), :rev)
    """
)


async def test_a_presence_day_told_of_two_areas_is_one_day(make_database: Callable[[], str], tmp_path: Path) -> None:
    for before in MIGRATIONS.glob("000[12]_*.py"):
        copy(before, tmp_path)
    database = Database(url := make_database())
    assert await migrate(url, tmp_path) == "0002"
    async with database.engine.begin() as connection:
        for rev in (1, 3, 2):
            await connection.execute(_DAY, {"assignment": str(ASSIGNMENT), "rev": rev})
    await migrate(url, MIGRATIONS)
    async with database.engine.connect() as connection:
        [row] = (await connection.execute(text("SELECT entry_id, recorded_rev FROM ledger_entry"))).all()
    await database.close()
    assert tuple(row) == (uuid5(ASSIGNMENT, f"presence {date(2026, 10, 6)}"), 3)
