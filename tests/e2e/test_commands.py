"""The commands of the command line that a running stack can answer, and what tokens open."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner
from typer.testing import Result as Ended

from demo.county import COUNTY
from demo.result import Result
from services.__main__ import app
from shared.contracts.registry import SERVICES
from shared.security.dev_issuer import issue_token
from tests.devstack.waiting import eventually
from tests.e2e.conftest import County

Run = Callable[..., Ended]


@pytest.fixture
def run(county: County) -> Run:
    """Runs `cunjing …` in the environment of the stack's processes, some variables changed."""
    environment = county.stack.environment()
    return lambda *arguments, **changed: CliRunner().invoke(app, arguments, env=environment | changed)


def officers(county: County, token: str) -> httpx.Response:
    with county.client("personnel", token=token) as personnel:
        return personnel.get("/v1/officers", params={"division": COUNTY, "limit": 1})


def test_a_token_opens_what_its_scopes_say(county: County, run: Run) -> None:
    keys = str(county.stack.folder / "keys")
    everything = run("token", "--keys", keys, "--division", COUNTY).stdout.strip()
    reports = run("token", "--keys", keys, "--division", COUNTY, "--scopes", "intel:read").stdout.strip()
    assert officers(county, everything).status_code == 200
    assert officers(county, reports).json()["code"] == "scope_missing"


def test_a_token_of_other_keys_or_of_yesterday_opens_nothing(county: County, run: Run, tmp_path: Path) -> None:
    assert run("dev-keys", str(tmp_path)).exit_code == 0
    foreign = run("token", "--keys", str(tmp_path), "--division", COUNTY).stdout.strip()
    expired = issue_token(county.at.issuer_key, subject="e2e", scopes=["personnel:read"], ttl=-timedelta(days=1))
    for token, code in ((foreign, "token_invalid"), (expired, "token_expired")):
        answer = officers(county, token)
        assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_without_keys_there_is_no_token_and_the_way_out_is_named(run: Run, tmp_path: Path) -> None:
    ended = run("token", "--keys", str(tmp_path))
    assert ended.exit_code == 1
    assert f"cunjing dev-keys {tmp_path}" in ended.stderr


def test_keys_that_exist_are_kept(run: Run, tmp_path: Path) -> None:
    run("dev-keys", str(tmp_path))
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    run("dev-keys", str(tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == made
    assert len(made) == 3


def test_a_release_on_a_stack_that_is_up_to_date_changes_nothing(run: Run) -> None:
    migrated, topics = run("migrate"), run("topics")
    assert (migrated.exit_code, topics.exit_code) == (0, 0)
    assert [line.partition(":")[0] for line in migrated.stdout.splitlines()] == list(SERVICES)
    assert topics.stdout.strip() == "all topics are there"


def test_a_release_without_an_address_names_the_variable(run: Run) -> None:
    ended = run("migrate", "scoring", CUNJING_SCORING_OWNER_DATABASE_URL="")
    assert ended.exit_code == 1
    assert "CUNJING_SCORING_OWNER_DATABASE_URL is not set" in ended.stderr


@pytest.mark.parametrize("process", ["api", "worker"])
def test_a_process_refuses_a_database_that_is_behind_it(county: County, process: str) -> None:
    behind = county.stack.postgres.ensure_database("cunjing_behind")
    environment = county.stack.environment() | {"CUNJING_PERSONNEL_DATABASE_URL": behind}
    command = [sys.executable, "-m", "services", "personnel", process]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert "run `cunjing migrate personnel`" in ended.stdout + ended.stderr


@pytest.mark.parametrize("service", ["personnel", "fieldwork", "intel"])
def test_an_audit_is_sealed_kept_by_others_and_intact(result: Result, run: Run, service: str) -> None:
    """Every worker seals and tells its head, and another service's worker keeps it."""

    def whole_and_kept() -> bool:
        checked = run("audit", "verify", service)
        assert checked.exit_code == 0, checked.output
        return "the last head that fits is" in checked.stdout and "unprotected are 0 rows" in checked.stdout

    eventually(whole_and_kept, seconds=180)


def test_data_of_a_running_stack_is_not_forgotten(
    county: County, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".cunjing").symlink_to(county.stack.folder)
    ended = run("clean-data")
    assert ended.exit_code == 1
    assert "already runs the stack" in ended.stderr
    assert county.stack.postgres.running()


def test_what_a_stopped_stack_stored_is_forgotten(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".cunjing", "logs").mkdir(parents=True)
    assert run("clean-data").stdout.strip() == f"forgot {tmp_path / '.cunjing'}"
    assert list(tmp_path.iterdir()) == []
    assert "nothing to forget" in run("clean-data").stdout
