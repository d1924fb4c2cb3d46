"""One real PostgreSQL and one real Kafka broker for the whole session; without them tests fail, they never skip."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from shared.devstack.kafka import KafkaBroker
from shared.devstack.lifeline import Lifeline
from shared.devstack.postgres import PostgresServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes side by side: the whole county in one, everything that needs only parts of it in the other."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("county" if "e2e" in item.path.parts else "parts"))


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
    """Makes an empty database with an owner of its own and returns its address."""
    return lambda: postgres.ensure_database(f"test_{uuid4().hex[:12]}")
