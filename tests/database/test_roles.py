"""The role that a service works as adds to its audit and changes nothing of it, whatever it tries."""

from __future__ import annotations

import os
from asyncio import create_subprocess_exec
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from shutil import copy
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.database.migrate import migrate
from shared.database.roles import ONLY_ADDED
from shared.devstack.postgres import PostgresServer
from tests.owner import as_owner

ROOT = Path(__file__).parents[2]
MIGRATIONS = ROOT / "services" / "fieldwork" / "migrations"
DEPLOYED = ROOT / "deploy" / "postgres" / "10-databases.sh"
ROWS = {
    "audit": "(at, subject, action, object, result) VALUES (now(), 'x', 'y', 'z', 'done')",
    "audit_head": "VALUES ('personnel', 'abc', '2026-10-01', 1, now())",
    "audit_seal": "VALUES (1, 1, '1', 'abc', now())",
}
NOT_OURS = "permission denied|must be owner|must be able to SET ROLE"


@pytest.fixture
async def engine(postgres: PostgresServer) -> AsyncIterator[AsyncEngine]:
    """The role of a service in its database, as it is deployed."""
    url = postgres.ensure_database(f"test_{uuid4().hex[:12]}")
    await migrate(url, MIGRATIONS)
    engine = create_async_engine(url, poolclass=NullPool)
    yield engine
    await engine.dispose()


async def _refused(connection: AsyncConnection, statement: str) -> None:
    with pytest.raises(DBAPIError, match=NOT_OURS):
        await connection.execute(text(statement))
    await connection.rollback()


@pytest.mark.parametrize("table", ONLY_ADDED)
async def test_rows_of_an_audit_are_added_and_read_and_nothing_else(engine: AsyncEngine, table: str) -> None:
    async with engine.connect() as connection:
        await connection.execute(text(f"INSERT INTO {table} {ROWS[table]}"))
        await connection.execute(text(f"GRANT ALL ON {table} TO CURRENT_USER"))  # only warns that it gives nothing
        await connection.commit()
        for statement in (
            f"UPDATE {table} SET {'rows' if table == 'audit_head' else 'txid'} = DEFAULT",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f"SELECT * FROM {table} FOR UPDATE",
            f"ALTER TABLE {table} ADD COLUMN more text",
            f"ALTER TABLE {table} RENAME TO {table}_of_old",
            f"ALTER TABLE {table} OWNER TO CURRENT_USER",
            f"ALTER TABLE {table} DISABLE TRIGGER ALL",
            f"CREATE RULE silent AS ON INSERT TO {table} DO INSTEAD NOTHING",
            f"DROP TABLE {table}",
        ):
            await _refused(connection, statement)
        assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 1


async def test_the_role_is_not_the_owner_and_cannot_become_it(engine: AsyncEngine) -> None:
    role = engine.url.username
    async with engine.connect() as connection:
        for statement in (
            f"SET ROLE {role}_owner",
            f"GRANT {role}_owner TO {role}",
            f"ALTER ROLE {role}_owner PASSWORD 'x'",
            f"ALTER DATABASE {role} OWNER TO {role}",
            "DROP SCHEMA public CASCADE",
            "CREATE TABLE public.own (id int)",
            "CREATE SCHEMA own",
        ):
            await _refused(connection, statement)


async def test_the_role_works_in_all_other_tables(engine: AsyncEngine) -> None:
    missing = """
        SELECT t.tablename, wanted FROM pg_tables t, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS wanted
        WHERE t.schemaname = 'public' AND NOT has_table_privilege(format('public.%I', t.tablename), wanted)
    """
    async with engine.connect() as connection:
        rows = (await connection.execute(text(missing))).all()
        await connection.execute(text("SELECT last_value FROM outbox_id_seq"))  # the relay looks at it
        await _refused(connection, "SELECT setval('audit_id_seq', 1)")
    assert {tuple(row) for row in rows} == {(table, act) for table in ONLY_ADDED for act in ("UPDATE", "DELETE")}


async def test_a_deployment_makes_the_same_roles_and_may_make_them_again(postgres: PostgresServer) -> None:
    services = ("PERSONNEL", "FIELDWORK", "SCORING", "INTEL", "OWNER")
    environment = {f"{name}_PASSWORD": "secret" for name in services}
    environment |= {"POSTGRES_USER": "postgres", "PGHOST": str(postgres.socket_folder)}
    environment["PATH"] = f"{postgres._programs}:{os.environ['PATH']}"
    for _ in range(2):
        done = await create_subprocess_exec("sh", str(DEPLOYED), env=environment)
        assert await done.wait() == 0
        await migrate(postgres.url("cunjing_fieldwork"), MIGRATIONS)
    engine = create_async_engine(postgres.url("cunjing_fieldwork"), poolclass=NullPool)
    async with engine.connect() as connection:
        await _refused(connection, "DELETE FROM audit")
        await _refused(connection, "CREATE TABLE own (id int)")
        await connection.execute(text("DELETE FROM activity"))
    await engine.dispose()


async def test_what_the_role_owned_before_there_was_an_owner_is_taken_over(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    """A release on a database in which the service's own role had made everything."""
    for before in MIGRATIONS.glob("000[123]_*.py"):
        copy(before, tmp_path)
    url = make_database()
    await migrate(url, tmp_path)
    engine = create_async_engine(url, poolclass=NullPool)
    own = f"ALTER TABLE audit OWNER TO {engine.url.username}"
    await as_owner(url, own, own.replace(" audit ", " activity "))
    async with engine.begin() as connection:
        await connection.execute(text(f"INSERT INTO audit {ROWS['audit']}"))
    await migrate(url, MIGRATIONS)
    async with engine.connect() as connection:
        await _refused(connection, "DELETE FROM audit")
        await _refused(connection, "DROP TABLE activity")
        assert (await connection.execute(text("SELECT count(*) FROM audit"))).scalar_one() == 1
    await engine.dispose()
