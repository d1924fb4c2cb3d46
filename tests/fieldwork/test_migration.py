"""What was kept before a migration is what it was afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import copy

from sqlalchemy import text

from services.fieldwork.app import MIGRATIONS
from shared.database.migrate import migrate
from shared.database.unit import Database

_OLD_NAME = text(
    """
    INSERT INTO foreign_village (ref, village, subject, recorded_at)
    VALUES (gen_random_uuid(), '411622100201', 'backend', now())
    """
)
_OLD_ROSTER = text(
    """
    INSERT INTO roster (officer, day, county, entered_by, subject, recorded_at, revision)
    VALUES (gen_random_uuid(), '2026-10-19', '411622', gen_random_uuid(), 'backend', now(), 0)
    """
)


_OLD_STAY = text(
    """
    WITH came AS (
        INSERT INTO arrival (id, content_hash, subject, recorded_at, officer, village, day, at)
        VALUES (gen_random_uuid(), '', 'backend', now(), gen_random_uuid(), '411622100201', '2026-10-19', now())
        RETURNING id
    )
    INSERT INTO departure (id, content_hash, subject, recorded_at, session, at)
    SELECT gen_random_uuid(), '', 'backend', now(), id, now() FROM came
    """
)
_STAY = text("SELECT d.county, d.officer = a.officer AS his FROM departure d JOIN arrival a ON a.session = d.session")


async def test_what_people_entered_stays(make_database: Callable[[], str], tmp_path: Path) -> None:
    for before in MIGRATIONS.glob("000[12]_*.py"):
        copy(before, tmp_path)
    database = Database(url := make_database())
    assert await migrate(url, tmp_path) == "0002"
    async with database.engine.begin() as connection:
        await connection.execute(_OLD_NAME)
        await connection.execute(_OLD_ROSTER)
        await connection.execute(_OLD_STAY)
    await migrate(url, MIGRATIONS)
    async with database.engine.connect() as connection:
        named = (await connection.execute(text("SELECT county, village FROM foreign_village"))).one()
        rostered = (await connection.execute(text("SELECT on_duty FROM roster"))).one()
        left = (await connection.execute(_STAY)).one()
    await database.close()
    assert tuple(left) == ("411622", True)
    assert (tuple(named), rostered.on_duty) == (("411622", "411622100201"), True)
