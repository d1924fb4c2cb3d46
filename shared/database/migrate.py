"""Bringing a database to the newest schema, and refusing to work on one that is behind."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.database.engine import require_version
from shared.database.roles import let_work, owner_address, take_over

_MIGRATING = text("SELECT pg_advisory_xact_lock(hashtext('cunjing.migrate'))")


class SchemaProblem(RuntimeError):
    """The database is behind the code; the text says which command to run."""


async def migrate(url: str, versions: Path) -> str:
    """Upgrade the database, as its owner, to the newest of a service's migrations; returns that revision.

    `url` is the owner's, or the service's own where the owner needs no password of his own. `versions` is a folder.
    """
    engine = create_async_engine(owner_address(url), poolclass=NullPool)
    async with engine.begin() as connection:
        await require_version(connection)
        await connection.execute(_MIGRATING)
        await take_over(connection)
        await connection.run_sync(_upgrade, versions)
        await let_work(connection)
    return head(versions)


def head(versions: Path) -> str:
    """The newest revision the code knows."""
    revision = ScriptDirectory.from_config(_config(versions)).get_current_head()
    if revision is None:
        raise LookupError(f"no migration in {versions}")
    return revision


async def current(connection: AsyncConnection) -> str | None:
    """The revision the database is at; None for an empty one."""
    return await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())


async def schema_problem(connection: AsyncConnection, service: str, versions: Path) -> str | None:
    """What is wrong with the schema and the command that mends it; None when it is the one this code expects."""
    found, expected = await current(connection), head(versions)
    if found == expected:
        return None
    return (
        f"database of {service} is at {found or 'nothing'}, this code needs {expected}: run `cunjing migrate {service}`"
    )


async def require_schema(connection: AsyncConnection, service: str, versions: Path) -> None:
    """Refuse to work on a database that is behind, or on a PostgreSQL that is too old."""
    await require_version(connection)
    if problem := await schema_problem(connection, service, versions):
        raise SchemaProblem(problem)


def _upgrade(connection: Connection, versions: Path) -> None:
    config = _config(versions)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config(versions: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    return config
