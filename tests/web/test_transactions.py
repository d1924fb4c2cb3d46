"""One transaction per request, against a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, Depends
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.requests import Request

from shared.database.unit import Database, Unit
from shared.messaging.outbox import FactTooLarge
from shared.observability.metrics import REQUESTS_REPEATED
from shared.security.dependencies import public
from shared.web.unit import UnitOfWork
from tests.web.apps import client_of, problem_of, tiny_app
from tests.web.conftest import LogLines

SCHEMA = """
CREATE TABLE account (name text PRIMARY KEY, amount int NOT NULL DEFAULT 0);
CREATE TABLE entry (name text CONSTRAINT entry_once UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO account (name) VALUES ('a'), ('b');
"""


@pytest.fixture
async def database(make_database: Callable[[], str]) -> AsyncIterator[Database]:
    database = Database(make_database())
    async with database.engine.begin() as connection:
        for statement in SCHEMA.strip().split("\n"):
            await connection.execute(text(statement))
    yield database
    await database.close()


class Bank:
    """Routes that get into every kind of trouble."""

    def __init__(self) -> None:
        self.runs = 0
        self.met = asyncio.Barrier(2)
        self.router = APIRouter(prefix="/v1", dependencies=[Depends(public)])
        for handler in (
            self.enter,
            self.move,
            self.read,
            self.never,
            self.slow,
            self.cut_off,
            self.killed,
            self.large,
            self.oversized,
        ):
            self.router.add_api_route(f"/{handler.__name__}", handler, methods=["POST"])

    async def enter(self, name: str, unit: UnitOfWork) -> str:
        await self._enter(unit, name)
        return name

    async def move(self, first: str, second: str, unit: UnitOfWork) -> str:
        self.runs += 1
        await self._add(unit, first)
        if self.runs <= 2:
            await self.met.wait()
        await self._add(unit, second)
        return "moved"

    async def read(self, unit: UnitOfWork) -> list[str]:
        return [row.name for row in await unit.connection.execute(text("SELECT * FROM account ORDER BY name"))]

    async def never(self, unit: UnitOfWork) -> None:
        self.runs += 1
        await self._enter(unit, "never")
        await unit.connection.execute(text("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"))

    async def slow(self, unit: UnitOfWork) -> None:
        await self._enter(unit, "slow")
        await unit.connection.execute(text("SET LOCAL statement_timeout = '50ms'"))
        await unit.connection.execute(text("SELECT pg_sleep(60)"))

    async def cut_off(self, unit: UnitOfWork) -> None:
        await self._enter(unit, "cut off")
        await unit.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async def killed(self, unit: UnitOfWork, request: Request) -> None:
        """Somebody ends our session between two statements."""
        await self._enter(unit, "killed")
        pid = (await unit.connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        async with request.app.state.database.engine.connect() as other:
            await other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        await unit.connection.execute(text("SELECT 1"))

    async def large(self, amount: int, unit: UnitOfWork) -> None:
        await unit.connection.execute(text("UPDATE account SET amount = :amount"), {"amount": amount})

    async def oversized(self, unit: UnitOfWork) -> None:
        await self._enter(unit, "oversized")
        raise FactTooLarge("far too large")

    async def _enter(self, unit: Unit, name: str) -> None:
        await unit.connection.execute(text("INSERT INTO entry VALUES (:name)"), {"name": name})

    async def _add(self, unit: Unit, name: str) -> None:
        await unit.connection.execute(text("UPDATE account SET amount = amount + 1 WHERE name = :name"), {"name": name})


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
async def client(tmp_path: Path, database: Database, bank: Bank) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(tiny_app(tmp_path, [bank.router], database=database)) as client:
        yield client


async def entries(database: Database) -> list[str]:
    async with database.engine.connect() as connection:
        return list((await connection.execute(text("SELECT name FROM entry"))).scalars())


async def test_what_was_answered_is_committed(client: httpx.AsyncClient, database: Database) -> None:
    assert (await client.post("/v1/enter?name=x")).status_code == 200
    assert await entries(database) == ["x"]


async def test_a_failing_commit_is_no_success(
    client: httpx.AsyncClient, database: Database, json_logs: LogLines
) -> None:
    await client.post("/v1/enter?name=x")
    answer = await client.post("/v1/enter?name=x")
    assert answer.status_code == 500
    assert problem_of(answer)["code"] == "internal"
    assert await entries(database) == ["x"]
    assert any("sqlstate 23505" in line.get("exception", "") for line in json_logs())


async def test_a_database_error_is_logged_without_its_values(client: httpx.AsyncClient, json_logs: LogLines) -> None:
    await client.post("/v1/enter?name=ZhangSan")
    await client.post("/v1/enter?name=ZhangSan")
    [line] = [line for line in json_logs() if "exception" in line]
    assert "entry_once" in line["exception"]
    assert "ZhangSan" not in str(json_logs())


async def test_a_deadlock_is_run_again_and_both_succeed(
    client: httpx.AsyncClient, database: Database, bank: Bank
) -> None:
    repeated_before = REQUESTS_REPEATED.labels("tiny")._value.get()
    answers = await asyncio.gather(client.post("/v1/move?first=a&second=b"), client.post("/v1/move?first=b&second=a"))
    assert [answer.json() for answer in answers] == ["moved", "moved"]
    assert bank.runs == 3
    assert REQUESTS_REPEATED.labels("tiny")._value.get() == repeated_before + 1
    async with database.engine.connect() as connection:
        amounts = (await connection.execute(text("SELECT amount FROM account"))).scalars().all()
    assert amounts == [2, 2]


async def test_after_three_repeats_it_is_503_and_nothing_is_kept(
    client: httpx.AsyncClient, database: Database, bank: Bank
) -> None:
    answer = await client.post("/v1/never")
    assert (answer.status_code, bank.runs) == (503, 4)
    assert problem_of(answer)["code"] == "unavailable"
    assert await entries(database) == []


async def test_a_table_changed_under_a_prepared_statement_is_not_noticed(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert (await client.post("/v1/read")).json() == ["a", "b"]
    async with database.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE account ADD COLUMN colour text"))
    assert (await client.post("/v1/read")).json() == ["a", "b"]


@asynccontextmanager
async def loses_the_answer_to_commit(database: Database, folder: Path) -> AsyncIterator[Database]:
    """The same database, behind a line that breaks when COMMIT has been done."""
    url, socket = make_url(database.url), ".s.PGSQL.5432"

    async def copy(server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await server.read(65536):
            client.write(data)

    async def carry(from_client: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        from_server, server = await asyncio.open_unix_connection(f"{url.query['host']}/{socket}")
        answering = asyncio.create_task(copy(from_server, client))
        while (data := await from_client.read(65536)) and b"COMMIT" not in data:
            server.write(data)
        answering.cancel()
        await asyncio.wait({answering})
        server.write(data)
        await from_server.read(65536)
        server.close()
        client.close()

    async with await asyncio.start_unix_server(carry, folder / socket):
        behind = Database(url.update_query_dict({"host": str(folder)}).render_as_string(hide_password=False))
        yield behind
        await behind.close()


async def test_a_connection_that_dies_during_commit_is_told_as_an_unknown_result(
    tmp_path: Path, database: Database, bank: Bank
) -> None:
    async with (
        loses_the_answer_to_commit(database, tmp_path) as behind,
        client_of(tiny_app(tmp_path, [bank.router], database=behind)) as client,
    ):
        answer = await client.post("/v1/enter?name=x")
    assert answer.status_code == 503
    problem = problem_of(answer)
    assert problem["code"] == "unavailable"
    assert "尚不确定" in problem["detail"]
    assert await entries(database) == ["x"]


@pytest.mark.parametrize("trouble", ["slow", "cut_off", "killed"])
async def test_timeouts_and_lost_connections_are_503_with_retry_after(
    client: httpx.AsyncClient, database: Database, trouble: str
) -> None:
    answer = await client.post(f"/v1/{trouble}")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert problem_of(answer)["code"] == "unavailable"
    assert await entries(database) == []


async def test_a_database_that_is_down_is_503(tmp_path: Path, bank: Bank) -> None:
    nowhere = Database(f"postgresql+asyncpg://x@/x?host={tmp_path}")
    async with client_of(tiny_app(tmp_path, [bank.router], database=nowhere)) as client:
        answer = await client.post("/v1/enter?name=x")
    assert answer.status_code == 503
    assert problem_of(answer)["code"] == "unavailable"


async def test_a_database_with_no_connection_left_is_503(tmp_path: Path, database: Database, bank: Bank) -> None:
    busy = Database(database.url)
    busy.engine = create_async_engine(database.url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    async with busy.engine.connect(), client_of(tiny_app(tmp_path, [bank.router], database=busy)) as client:
        answer = await client.post("/v1/enter?name=x")
    await busy.close()
    assert answer.status_code == 503
    assert problem_of(answer)["code"] == "unavailable"


@pytest.mark.parametrize("amount", [2**31, 2**63, 2**200])
async def test_a_value_the_column_cannot_hold_is_422(client: httpx.AsyncClient, amount: int) -> None:
    answer = await client.post(f"/v1/large?amount={amount}")
    assert answer.status_code == 422
    assert problem_of(answer)["code"] == "invalid_request"


async def test_a_fact_over_the_limit_is_422_and_nothing_is_kept(client: httpx.AsyncClient, database: Database) -> None:
    assert problem_of(await client.post("/v1/oversized"))["code"] == "content_too_large"
    assert await entries(database) == []
