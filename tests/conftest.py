"""One real PostgreSQL and one real Kafka broker for the whole session; without them tests fail, they never skip."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from xdist.scheduler import LoadScopeScheduling

from shared.devstack.kafka import KafkaBroker
from shared.devstack.lifeline import Lifeline
from shared.devstack.postgres import PostgresServer
from tests.owner import with_tables_of_its_own

LONGEST = ("e2e", "faults")


class FolderByFolder(LoadScopeScheduling):  # type: ignore[misc]  # it comes without types
    """A process takes the next folder when it is done with one, so what a folder's tests share is started once.

    Not `--dist loadgroup`: pytest 9.2 takes no notice of the names by which it tells groups apart.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _folder(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FolderByFolder:
    return FolderByFolder(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folders that take longest first."""
    items.sort(key=lambda item: _folder(item.nodeid) not in LONGEST)


def _folder(nodeid: str) -> str:
    """`tests/<folder>/…`"""
    return nodeid.split("/")[1]


@pytest.fixture(scope="session")
def stack_folder() -> Iterator[Path]:
    """A folder that is gone after the session."""
    with tempfile.TemporaryDirectory(prefix="cunjing-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(stack_folder: Path) -> Iterator[PostgresServer]:
    """The server; unlike that of `make run` it does not outlive a session that is killed."""
    server = PostgresServer(stack_folder / "postgres", durable=False)
    lifeline = Lifeline()
    try:
        server.start()
        lifeline.watch(server.pid)
        yield server
    finally:
        server.delete()
        lifeline.close()


@pytest.fixture(scope="session")
def kafka(stack_folder: Path) -> Iterator[KafkaBroker]:
    """The broker."""
    broker = KafkaBroker(stack_folder / "kafka")
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def make_database(postgres: PostgresServer) -> Callable[[], str]:
    """Makes an empty database with a role of its own, which may make tables there, and returns its address."""
    return lambda: with_tables_of_its_own(postgres.ensure_database(f"test_{uuid4().hex[:12]}"))
