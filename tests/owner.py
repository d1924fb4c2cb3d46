"""What a test does to a database that the service's own role may not do."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.database.roles import owner_address


async def as_owner(url: str, *statements: str) -> None:
    """Run statements in one transaction as the owner of this database."""
    async with create_async_engine(owner_address(url), poolclass=NullPool).begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


def with_tables_of_its_own(url: str) -> str:
    """Let the role of this address make tables, as tests of shared parts do; a service's role may not."""
    role = make_url(url).username
    with ThreadPoolExecutor(1) as thread:  # a test's own event loop may be running here
        thread.submit(asyncio.run, as_owner(url, f"GRANT CREATE ON SCHEMA public TO {role}")).result()
    return url
