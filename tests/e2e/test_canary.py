"""Personal data planted in every text field of every route appears in no log, problem, topic or dead letter."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from demo.result import Result
from shared.contracts.registry import SERVICES, TOPICS
from shared.messaging.topics import PARTITIONS
from tests.e2e.canary import CANARY, CITIZEN_NUMBER, TRACES, requests_of
from tests.e2e.conftest import County
from tests.e2e.planted import planted_requests


@pytest.fixture(scope="module")
def answers(county: County, result: Result) -> list[httpx.Response]:
    """What all services said to all the wild requests."""
    return [answer for service in SERVICES for answer in _plant(county, service)]


@pytest.fixture(scope="module")
def accepted(county: County, result: Result, answers: list[httpx.Response]) -> list[httpx.Response]:
    """Requests that are right in everything else, so that only the planted text decides; and all workers took it in."""
    told = list(planted_requests(county, result))
    county.settle()
    return told


def _plant(county: County, service: str) -> Iterator[httpx.Response]:
    with county.client(service) as client:
        openapi = client.get("/openapi.json").json()
        for planted in requests_of(openapi):
            yield client.request(planted.method, planted.path, json=planted.body)
            yield client.request(planted.method, planted.path, content=CANARY.encode())
        yield client.get("/healthz", headers={"X-Request-Id": f"id-{CITIZEN_NUMBER}"})
        yield client.get("/healthz", headers=[(b"Authorization", f"Bearer {CANARY}".encode())])


def test_where_free_text_is_allowed_it_was_taken_in(accepted: list[httpx.Response]) -> None:
    """A note, a summary, a foreign id, a handler's name are kept sealed or hashed: planting there proves something."""
    fine = [answer for answer in accepted if answer.is_success and answer.status_code != 207]
    taken = {answer.request.url.path.split("/")[2] for answer in fine if _holds(answer)}
    assert taken == {"sync", "activities", "foreign-villages", "endpoints", "reports", "station-callbacks"}
    assert [answer.text for answer in accepted if not _holds(answer) and answer not in fine] == []


def test_what_is_published_refuses_it(accepted: list[httpx.Response]) -> None:
    refused = {a.request.url.path for a in accepted if "不能含身份证号" in a.text}
    assert refused >= {"/v1/officers", "/v1/organisations", "/v1/areas", "/v1/divisions/imports"}


def test_no_answer_is_a_server_error(answers: list[httpx.Response], accepted: list[httpx.Response]) -> None:
    assert len(answers) > 100
    answers = [*answers, *accepted]
    assert [(a.request.method, a.request.url.path, a.status_code) for a in answers if a.status_code >= 500] == []


def test_no_problem_repeats_what_was_sent(answers: list[httpx.Response], accepted: list[httpx.Response]) -> None:
    problems = [a for a in [*answers, *accepted] if a.status_code >= 400 or a.status_code == 207]
    assert problems
    assert [(a.request.url.path, a.text[:300]) for a in problems if any(trace in a.text for trace in TRACES)] == []


def test_no_log_holds_it(county: County, accepted: list[httpx.Response]) -> None:
    logs = list((county.stack.folder / "logs").rglob("*.log"))
    assert len(logs) >= 8
    assert [log.name for log in logs if any(trace in log.read_text() for trace in TRACES)] == []


async def test_no_topic_holds_it(county: County, accepted: list[httpx.Response]) -> None:
    found, seen = set(), 0
    consumer = AIOKafkaConsumer(bootstrap_servers=county.stack.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    partitions = [TopicPartition(topic, n) for topic in TOPICS for n in range(PARTITIONS)]
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    while [p for p in partitions if await consumer.position(p) < ends[p]]:
        for partition, records in (await consumer.getmany(timeout_ms=1000, max_records=5000)).items():
            seen += len(records)
            for record in records:
                whole = b"|".join([record.key or b"", record.value or b"", *(value for _, value in record.headers)])
                if any(trace.encode() in whole for trace in TRACES):
                    found.add((partition.topic, record.key))
    await consumer.stop()
    assert seen >= sum(ends.values()) > 1000  # heartbeats go on
    assert found == set()


@pytest.mark.parametrize("table", ["dead_letter", "held_fact", "audit", "outbox"])
async def test_no_shared_table_holds_it(county: County, accepted: list[httpx.Response], table: str) -> None:
    for service in SERVICES:
        engine = create_async_engine(county.stack.postgres.url(f"cunjing_{service}"), poolclass=NullPool)
        async with engine.connect() as connection:
            rows = (await connection.execute(text(f"SELECT to_jsonb(t)::text FROM {table} t"))).scalars().all()
            bodies = await _bodies(connection, table) if table in ("dead_letter", "held_fact", "outbox") else []
        await engine.dispose()
        assert not any(trace in row for row in [*rows, *bodies] for trace in TRACES), (service, table)


async def _bodies(connection: AsyncConnection, table: str) -> list[str]:
    rows = await connection.execute(text(f"SELECT body FROM {table}"))
    return [bytes(body or b"").decode(errors="replace") for body in rows.scalars()]


def test_the_canary_would_be_found(county: County, answers: list[httpx.Response]) -> None:
    """The planted data did arrive: requests held it, or the other tests would prove nothing."""
    assert sum(_holds(a) for a in answers) > 50


def _holds(answer: httpx.Response) -> bool:
    return CITIZEN_NUMBER.encode() in answer.request.content
