"""Health, readiness, metrics, offline pages, request ids, access log."""

import re
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, Depends

from shared.security.dependencies import public
from tests.web.apps import client_of, problem_of, tiny_app
from tests.web.conftest import LogLines


async def _fine() -> None:
    return None


async def _behind() -> str:
    return "database of tiny is at 0001, this code needs 0002: run `cunjing migrate tiny`"


async def _broken() -> str | None:
    raise ConnectionRefusedError("no broker at 10.0.0.1")


async def test_a_process_that_lives_says_so(tmp_path: Path) -> None:
    async with client_of(tiny_app(tmp_path, readiness={"broker": _broken})) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_ready_when_every_check_passes(tmp_path: Path) -> None:
    async with client_of(tiny_app(tmp_path, readiness={"database": _fine})) as client:
        assert (await client.get("/readyz")).json() == {"database": "ok"}


async def test_not_ready_names_what_fails(tmp_path: Path) -> None:
    checks = {"database": _fine, "schema": _behind, "broker": _broken}
    async with client_of(tiny_app(tmp_path, readiness=checks)) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    problem = problem_of(answer)
    assert problem["code"] == "not_ready"
    assert problem["failing"] == {"schema": await _behind(), "broker": "check failed: ConnectionRefusedError"}


async def test_metrics_count_requests_by_route_template(tmp_path: Path) -> None:
    router = APIRouter(prefix="/v1/things", dependencies=[Depends(public)])

    @router.get("/{number}")
    async def read(number: int) -> int:
        return number

    async with client_of(tiny_app(tmp_path, [router])) as client:
        await client.get("/v1/things/7")
        figures = (await client.get("/metrics")).text
    labels = 'method="GET",route="/v1/things/{number}",service="tiny",status="200"'
    assert f"cunjing_http_requests_total{{{labels}}} 1.0" in figures


async def test_the_docs_page_and_all_it_loads_come_from_us(tmp_path: Path) -> None:
    async with client_of(tiny_app(tmp_path)) as client:
        page = (await client.get("/docs")).text
        assert "http://" not in page
        assert "https://" not in page
        assets = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert len(assets) == 3
        for asset in assets:
            assert (await client.get(f"/{asset}")).status_code == 200
        [document] = re.findall(r"url: '([^']+)'", page)
        # The bundled viewer shows nothing but an error for a document that says 3.1.
        assert (await client.get(f"/{document}")).json()["openapi"].startswith("3.0.")
        assert (await client.get("/openapi.json")).json()["openapi"].startswith("3.1.")


async def test_the_api_description_tells_of_problems(tmp_path: Path) -> None:
    router = APIRouter(dependencies=[Depends(public)])

    @router.get("/v1/things")
    async def read(limit: int) -> int:
        return limit

    responses = tiny_app(tmp_path, [router]).openapi()["paths"]["/v1/things"]["get"]["responses"]
    assert list(responses) == ["200", "default"]
    assert list(responses["default"]["content"]) == ["application/problem+json"]


async def test_request_id_and_trace_are_continued(tmp_path: Path) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    sent = {"x-request-id": "station-0001", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    async with client_of(tiny_app(tmp_path), **sent) as client:
        answer = await client.get("/healthz")
    assert answer.headers["x-request-id"] == "station-0001"
    assert answer.headers["traceparent"].split("-")[1] == trace
    assert answer.headers["traceparent"] != sent["traceparent"]


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with space", "11010519491231002X", "req-13800138000"])
async def test_a_request_id_that_is_no_id_is_replaced(tmp_path: Path, given: str) -> None:
    async with client_of(tiny_app(tmp_path), **{"x-request-id": given}) as client:
        answer = await client.get("/healthz")
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_one_access_line_without_query_or_address(tmp_path: Path, json_logs: LogLines) -> None:
    router = APIRouter(prefix="/v1", dependencies=[Depends(public)])

    @router.get("/people/{name}")
    async def read(name: str) -> str:
        return name

    async with client_of(tiny_app(tmp_path, [router])) as client:
        answer = await client.get("/v1/people/ZhangSan?secret=LiSi")
        await client.get("/healthz")
    [line] = [line for line in json_logs() if line["event"] == "request"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/people/{name}", 200)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["service"] == "tiny"
    assert "ZhangSan" not in str(line)
    assert "LiSi" not in str(line)


async def test_an_unknown_method_or_route_makes_no_new_label(tmp_path: Path) -> None:
    async with client_of(tiny_app(tmp_path)) as client:
        await client.request("BREW", "/coffee-7")
        figures = (await client.get("/metrics")).text
    assert 'method="other",route="unmatched",service="tiny",status="404"' in figures
    assert "coffee" not in figures


async def test_the_first_answer_is_the_only_one(tmp_path: Path) -> None:
    router = APIRouter(dependencies=[Depends(public)])

    async def fails_after_the_answer() -> None:
        raise RuntimeError("too late to tell")

    @router.get("/v1/late")
    async def late(tasks: BackgroundTasks) -> str:
        tasks.add_task(fails_after_the_answer)
        return "done"

    async with client_of(tiny_app(tmp_path, [router])) as client:
        answer: httpx.Response = await client.get("/v1/late")
    assert (answer.status_code, answer.json()) == (200, "done")
