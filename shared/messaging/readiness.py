"""Whether a process can do its work: database, schema, broker, and for a worker its lag."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import text

from shared.database.migrate import schema_problem
from shared.database.unit import Database
from shared.settings import ServiceSettings
from shared.web.operations import Check

BROKER_TIMEOUT = 2.0


def readiness(settings: ServiceSettings, database: Database, versions: Path) -> Mapping[str, Check]:
    """The checks every process has, by name. A broker that is away keeps no API from accepting: the outbox waits."""

    async def database_answers() -> str | None:
        async with database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        return None

    async def schema_is_current() -> str | None:
        async with database.engine.connect() as connection:
            return await schema_problem(connection, settings.service, versions)

    return {"database": database_answers, "schema": schema_is_current}


async def broker_answers(bootstrap: str) -> str | None:
    """What is wrong with the brokers; None when one of them accepts a connection."""
    tried = await asyncio.gather(*(_reachable(address) for address in bootstrap.split(",")))
    return None if any(tried) else "no broker of KAFKA_BOOTSTRAP_SERVERS accepts a connection"


async def _reachable(address: str) -> bool:
    host, _, port = address.strip().rpartition(":")
    try:
        async with asyncio.timeout(BROKER_TIMEOUT):
            _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True
