"""`make test` runs the short form of every promise, `make faults` the long one, which keeps the figures."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.database.unit import Database
from shared.devstack.kafka import KafkaBroker
from shared.messaging.topics import ensure_topics
from tests.faults.ledger import Lane, LaneAddress, create_tables
from tests.faults.servers import SpareBroker, SparePostgres

LONG = os.environ.get("CUNJING_FAULTS") == "long"

LONG_ONLY = ("network", "long_run", "hostile")
"""They judge memory and seconds, which a machine that does other work beside would spoil: only for `make faults`."""

collect_ignore = [] if LONG else [f"test_{name}.py" for name in LONG_ONLY]
TABLE = Path(__file__).parents[2] / "docs" / "promises.md"

MakeLane = Callable[..., Awaitable[Lane]]
MakeReader = Callable[[Lane], Awaitable[Lane]]
Keep = Callable[..., None]

_kept: list[tuple[int, str, str, str, str]] = []


def pick(short: int, long: int) -> int:
    """The amount of the form that runs."""
    return long if LONG else short


@pytest.fixture
def keep(request: pytest.FixtureRequest) -> Keep:
    """Keeps a figure for the table: number of the promise, its name, how often it was tried, what came out."""

    def note(number: int, promise: str, runs: str, figure: str) -> None:
        _kept.append((number, promise, request.node.name, runs, figure))

    return note


@pytest.fixture(scope="session", autouse=True)
def table() -> Iterator[None]:
    """Writes `docs/promises.md` anew after the long form."""
    yield
    if not LONG or not _kept:
        return
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    lines = [
        f"| {number} | {promise} | `{test}` | {runs} | {figure} | {today} |"
        for number, promise, test, runs, figure in sorted(_kept)
    ]
    head = TABLE.read_text().partition("| # |")[0]
    TABLE.write_text(
        head
        + "| # | promise | test | runs | figure | date |\n| --- | --- | --- | --- | --- | --- |\n"
        + "\n".join(lines)
        + "\n"
    )


@pytest.fixture(scope="session")
def spare_broker(stack_folder: Path) -> Iterator[SpareBroker]:
    """A broker that may be stopped, bounced and reached through a proxy; whoever stops it starts it again."""
    broker = SpareBroker(stack_folder / "spare-kafka")
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


@pytest.fixture(scope="session")
def spare_postgres(stack_folder: Path) -> Iterator[SparePostgres]:
    """A server that may be stopped; whoever stops it starts it again."""
    server = SparePostgres(stack_folder / "spare-postgres")
    try:
        server.start()
        yield server
    finally:
        server.delete()


@pytest.fixture
async def make_lane(kafka: KafkaBroker, make_database: Callable[[], str]) -> AsyncIterator[MakeLane]:
    """Makes a lane on a topic of its own, with two empty databases."""
    opened: list[Database] = []

    async def make(
        *, compacted: bool = False, broker: KafkaBroker = kafka, database: Callable[[], str] = make_database
    ) -> Lane:
        topic = f"faults.{uuid.uuid4().hex[:12]}"
        await ensure_topics(broker.bootstrap_servers, 1, [topic], [topic] if compacted else [])
        out, read = database(), database()
        for url in (out, read):
            await create_tables(url)
        publisher, reader = Database(out), Database(read)
        opened.extend((publisher, reader))
        return Lane(LaneAddress(topic, broker.bootstrap_servers, out, read, compacted), publisher, reader)

    yield make
    for database in opened:
        await database.close()


@pytest.fixture
async def lane(make_lane: MakeLane) -> Lane:
    """A lane of its own."""
    return await make_lane()


@pytest.fixture
async def with_new_reader(make_database: Callable[[], str]) -> AsyncIterator[MakeReader]:
    """Gives a lane a reader that has read nothing yet."""
    opened: list[Database] = []

    async def make(lane: Lane) -> Lane:
        url = make_database()
        await create_tables(url)
        opened.append(Database(url))
        return Lane(replace(lane.address, reader=url), lane.publisher, opened[-1])

    yield make
    for database in opened:
        await database.close()
