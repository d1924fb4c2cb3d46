"""The program's main job, whole: from phones to the scoreboard, from an escalated report to its closing."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx
import psutil
import pytest

from demo.backend import Backend
from demo.county import COUNTY, xihua
from demo.month import plan_month
from demo.result import Result
from shared.contracts.scoring import SheetUpdatedV1
from shared.ids import new_id
from tests.e2e.conftest import SCALE, County
from tests.e2e.planted import OFFICER, VILLAGE

WORKERS = ("fieldwork worker", "scoring worker", "intel worker", "personnel worker")


def test_every_published_fact_was_applied_by_every_reader(result: Result) -> None:
    check = result.content["count_check"]
    assert check["difference"] == 0
    assert result.content["counts"]["surprises"] == []
    assert result.ok


def test_both_escalated_reports_came_back_closed(result: Result) -> None:
    reports = result.content["reports"]
    assert {report["kind"] for report in reports} == {"dispute", "instability"}
    for report in reports:
        assert report["state"] == "closed"
        what = [hop["what"] for hop in report["timeline"]]
        for step in ("filed", "escalated", "ordered", "attempt", "received", "accepted", "closed"):
            assert step in what


def test_the_coverage_report_shows_the_28_gaps(county: County, result: Result) -> None:
    with county.client("personnel") as personnel:
        asked = {"division": COUNTY, "on": "2026-10-15", "post": "village_auxiliary"}
        coverage = personnel.get("/v1/coverage", params=asked).json()
    assert (coverage["villages"], coverage["covered"], coverage["gaps_total"]) == (480, 452, 28)


def test_sending_the_month_again_changes_nothing(
    county: County, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: Backend) -> bool:
        return False

    monkeypatch.setattr(Backend, "is_done", never)
    again = county.work()
    assert again.ok
    assert again.content["counts"]["phones"]["created"] == again.content["counts"]["leaders"]["created"] == 0
    assert again.content["count_check"]["duplicates_sent"] > again.content["counts"]["items"]
    assert again.content["scoreboard"] == result.content["scoreboard"]
    assert again.content["sheet"] == result.content["sheet"]


async def test_a_month_that_is_in_is_not_sent_again_whatever_else_came_in(county: County, result: Result) -> None:
    with county.client("fieldwork") as fieldwork:
        visit = _visit(OFFICER["id"], VILLAGE) | {"id": str(new_id())}
        assert fieldwork.post("/v1/sync", json={"items": [visit]}).status_code == 200
    async with county.api("fieldwork") as api:
        assert await Backend(api, plan_month(xihua(), SCALE)).is_done()


def test_a_recompute_from_nothing_gives_the_same_scoreboard(county: County, result: Result) -> None:
    with county.client("scoring", division="") as scoring:
        before = scoring.get("/v1/flow").json()["published"][SheetUpdatedV1.TOPIC]
        assert scoring.post("/v1/recomputations").is_success
        county.settle()
        after = scoring.get("/v1/flow").json()["published"][SheetUpdatedV1.TOPIC]
        assert after == before, "a recompute that changes nothing says nothing"
    assert county.scoreboard() == result.content["scoreboard"]


def test_workers_killed_at_any_moment_leave_the_same_scoreboard(
    new_county: Callable[[str], AbstractContextManager[County]], result: Result
) -> None:
    with new_county("killed") as county:
        ended = threading.Event()
        killer = threading.Thread(target=_kill_workers, args=(county, ended))
        killer.start()
        try:
            harmed = county.work()
        finally:
            ended.set()
            killer.join()
        restarts = {name: county.stack.processes.restarts_of(name) for name in WORKERS}
    assert all(restarts.values()), restarts
    assert harmed.ok
    assert harmed.content["scoreboard"] == result.content["scoreboard"]


def _kill_workers(county: County, ended: threading.Event) -> None:
    """`kill -9` of each worker twice while the county works, in any order, at moments nobody chose.

    Only of one that is at work: a process killed while it starts can lose nothing.
    """
    chance = random.Random(1)
    for name in chance.sample(WORKERS * 2, k=8):
        while not ended.wait(chance.uniform(0.3, 1)) and not _at_work(county, name):
            continue
        pid = county.stack.processes.pid_of(name)
        if pid is not None and not ended.is_set():
            psutil.Process(pid).kill()


def _at_work(county: County, name: str) -> bool:
    try:
        return httpx.get(f"{county.stack.plan.addresses()[name]}/readyz", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_an_officer_unknown_so_far_is_not_taken_and_created_once_he_is_known(county: County, result: Result) -> None:
    worker = county.stack.processes.pid_of("fieldwork worker")
    assert worker is not None
    officer, village = (
        "0199f000-0000-7000-8000-00000000aaaa",
        result.content["scoreboard"]["top"][0]["villages"][0]["code"],
    )
    item = _visit(officer, village)
    with county.client("personnel") as personnel, county.client("fieldwork") as fieldwork:
        psutil.Process(worker).suspend()
        try:
            assert personnel.put("/v1/officers", json={"items": [_officer(county, officer)]}).status_code == 200
            told = fieldwork.post("/v1/sync", json={"items": [item]}).json()["items"][0]
            # Half a minute after the reader's last word he may be taken for a stranger (decision 0017).
            assert (told["outcome"], told["problem"]["code"]) in (
                ("retryable", "fieldwork.officer_unknown_yet"),
                ("rejected", "fieldwork.officer_unknown"),
            )
        finally:
            psutil.Process(worker).resume()
        assert _until_created(fieldwork, item) == "created"
        assert fieldwork.post("/v1/sync", json={"items": [item]}).json()["items"][0]["outcome"] == "duplicate"


def _officer(county: County, officer: str) -> dict[str, object]:
    with county.client("personnel") as personnel:
        known = personnel.get("/v1/officers", params={"division": COUNTY, "limit": 1}).json()["items"][0]
    return {
        **{key: known[key] for key in ("kind", "employer", "full_time", "status", "account", "valid")},
        "officer_id": officer,
        "name": "示例后来者",
    }


def _visit(officer: str, village: str) -> dict[str, object]:
    return {
        "type": "activity",
        "id": {"system": "e2e", "id": "first visit of a new officer"},
        "officer": {"id": officer},
        "village": village,
        "kind": "household_visit",
        "from": "2026-10-20T09:00:00+08:00",
        "quantity": "1",
        "unit": "household",
        "details": {"purposes": ["law"]},
    }


def _until_created(fieldwork: httpx.Client, item: dict[str, object], seconds: float = 30) -> str:
    """Resend under the same id until the item is taken."""
    waited = threading.Event()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        outcome = str(fieldwork.post("/v1/sync", json={"items": [item]}).json()["items"][0]["outcome"])
        if outcome not in ("retryable", "rejected"):
            return outcome
        waited.wait(0.1)
    pytest.fail("still not taken")
