"""Personal data planted in every text field of every route appears in no log, problem, topic or dead letter."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from demo.result import Result
from shared.contracts.registry import SERVICES, TOPICS
from shared.ids import new_id
from shared.messaging.topics import PARTITIONS
from tests.e2e.canary import CANARY, CITIZEN_NUMBER, TRACES, each_text_replaced, requests_of
from tests.e2e.conftest import County


@pytest.fixture(scope="module")
def answers(county: County, result: Result) -> list[httpx.Response]:
    """What all services said to all the planted requests, after their workers had taken everything in."""
    told = [answer for service in SERVICES for answer in _plant(county, service)]
    assert county.work().ok
    return told


@pytest.fixture(scope="module")
def accepted(county: County, result: Result, answers: list[httpx.Response]) -> list[httpx.Response]:
    """Requests that are right in everything else, so that only the planted text decides."""
    told = [*_into_states(county), *_into_work(county)]
    assert county.work().ok
    return told


def _into_states(county: County) -> Iterator[httpx.Response]:
    """Every thing personnel holds, as it is, with one text after the other replaced."""
    with county.client("personnel") as client:
        for things in ("organisations", "areas", "officers", "assignments", "groups", "bindings"):
            found = client.get(f"/v1/{things}", params={"division": "411622", "limit": 1}).json()["items"]
            for state in found:
                for planted in each_text_replaced(state):
                    yield client.put(f"/v1/{things}", json={"items": [planted]})


def _into_work(county: County) -> Iterator[httpx.Response]:
    """A good activity and a good report with the planted text in one field after the other; some may hold it."""
    with county.client("personnel") as personnel:
        village = personnel.get("/v1/assignments", params={"division": "411622", "limit": 500}).json()["items"]
    posted = next(a for a in village if a["where"]["type"] == "village")
    officer, village_code = {"id": posted["officer_id"]}, posted["where"]["id"]
    visit = {
        **{"type": "activity", "officer": officer, "village": village_code, "kind": "household_visit"},
        **{"from": "2026-10-20T09:00:00+08:00", "quantity": "1", "unit": "household", "target_key": "household"},
        **{"details": {"purposes": ["law"]}, "note": "示例"},
    }
    report = {
        **{"kind": "dispute", "category": "neighbours", "village": village_code, "reporter": officer},
        **{"noticed_at": "2026-10-20T09:00:00+08:00", "signs": ["violence"], "summary": "示例"},
    }
    with county.client("fieldwork") as fieldwork, county.client("intel") as intel:
        for planted in each_text_replaced(visit):
            yield fieldwork.post("/v1/sync", json={"items": [{**planted, "id": str(new_id())}]})
        for planted in each_text_replaced(report):
            yield intel.post("/v1/reports", json={**planted, "id": str(new_id())})


def _plant(county: County, service: str) -> Iterator[httpx.Response]:
    with county.client(service) as client:
        openapi = client.get("/openapi.json").json()
        for planted in requests_of(openapi):
            yield client.request(planted.method, planted.path, json=planted.body)
            yield client.request(planted.method, planted.path, content=CANARY.encode())
        yield client.get("/healthz", headers={"X-Request-Id": f"id-{CITIZEN_NUMBER}"})
        yield client.get("/healthz", headers=[(b"Authorization", f"Bearer {CANARY}".encode())])


def test_where_free_text_is_allowed_it_was_taken_in(accepted: list[httpx.Response]) -> None:
    """A note, a summary, a key of a household: they are kept sealed or hashed, so planting there proves something."""
    taken = [a for a in accepted if a.status_code in (200, 201) and b"created" in a.content]
    assert len(taken) >= 3


def test_what_is_published_refuses_it(accepted: list[httpx.Response]) -> None:
    refused = [a for a in accepted if a.status_code == 207 and "/v1/officers" in str(a.request.url)]
    assert any("personal_data" in a.text or "身份证号" in a.text for a in refused)


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
    consumer.assign([TopicPartition(topic, n) for topic in TOPICS for n in range(PARTITIONS)])
    while batch := await consumer.getmany(timeout_ms=2000, max_records=5000):
        for partition, records in batch.items():
            seen += len(records)
            for record in records:
                whole = b"|".join([record.key or b"", record.value or b"", *(value for _, value in record.headers)])
                if any(trace.encode() in whole for trace in TRACES):
                    found.add((partition.topic, record.key))
    await consumer.stop()
    assert seen > 1000
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


async def _bodies(connection: object, table: str) -> list[str]:
    rows = await connection.execute(text(f"SELECT body FROM {table}"))  # type: ignore[attr-defined]
    return [bytes(body or b"").decode(errors="replace") for body in rows.scalars()]


def test_the_canary_would_be_found(county: County, answers: list[httpx.Response]) -> None:
    """The planted data did arrive: requests held it, or the other tests would prove nothing."""
    sent = [a.request for a in answers if a.request.content]
    assert sum(CITIZEN_NUMBER.encode() in request.content for request in sent) > 50
