"""Engines: a small pool for an API process; a connection of its own for a worker, whose locks live and die with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

MINIMUM_VERSION = 180000

# A statement that takes longer is a mistake or a lock nobody releases: better a clear 503 than a hanging phone.
STATEMENT_TIMEOUT = "5s"

# Seen: without these a stopped owner or a vanished host kept its advisory locks for more than 15 and 40 seconds; one
# that was stopped while it prepared a statement counts neither as idle nor, by a statement's time-out, as too slow.
OWNER_SETTINGS = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "idle_session_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    "transaction_timeout": "10s",
}


def pooled_engine(url: str) -> AsyncEngine:
    """Engine of an API process; parameters never appear in its errors."""
    return create_async_engine(
        url,
        pool_size=10,
        max_overflow=5,
        pool_timeout=5,
        hide_parameters=True,
        connect_args={"server_settings": {"statement_timeout": STATEMENT_TIMEOUT}},
    )


async def owning_connection(url: str, on_lost: Callable[[], None], name: str) -> AsyncConnection:
    """A direct connection that may hold advisory locks; `on_lost` is called when its server session ends.

    `name` is what the server's list of sessions shows.

    SQLAlchemy would reconnect silently and without the locks, so whoever loses this connection must exit the process.
    """
    engine = create_async_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"server_settings": {**OWNER_SETTINGS, "application_name": name}},
    )
    connection = await engine.connect()
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    driver.add_termination_listener(lambda _: on_lost())
    return connection


async def require_version(connection: AsyncConnection) -> None:
    """Refuse a PostgreSQL that lacks what the outbox needs (`RETURNING old.*`)."""
    found = (await connection.exec_driver_sql("SELECT current_setting('server_version_num')::int")).scalar_one()
    if found < MINIMUM_VERSION:
        raise RuntimeError(f"PostgreSQL 18 or newer is required, found {found // 10000}")
