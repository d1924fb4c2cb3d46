"""How `cunjing demo` ends."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from demo.clients import Api
from demo.county import County
from demo.reports import new_secret
from demo.result import Result
from demo.run import Addresses, run
from services.__main__ import app
from shared.contracts.registry import SERVICES
from shared.devstack.ports import free_port
from shared.security.dev_issuer import ensure_dev_keys


@pytest.fixture(autouse=True)
def throw_away_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_says_whether_all_came_out_right(monkeypatch: pytest.MonkeyPatch, ok: bool, code: int) -> None:
    monkeypatch.setattr("services.cli.demo._work_once", lambda _folder: Result({"ok": ok}))
    ended = CliRunner().invoke(app, ["demo", "--json"])
    assert (ended.exit_code, json.loads(ended.stdout)) == (code, {"ok": ok})


def test_services_that_are_gone_are_named_once_and_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Phones and reports go side by side: what fails there comes out of task groups."""

    async def loaded(_personnel: Api, _county: County) -> None:
        return

    gone = f"http://127.0.0.1:{free_port()}"
    at = Addresses(dict.fromkeys(SERVICES, gone), gone, new_secret(), ensure_dev_keys(tmp_path).private_key_path)
    monkeypatch.setattr("demo.run.load_county", loaded)
    monkeypatch.setattr("services.cli.demo._work_once", lambda _folder: asyncio.run(run(at, lambda *_: None, 0.02)))

    ended = CliRunner().invoke(app, ["demo"])

    assert (ended.exit_code, type(ended.exception)) == (1, SystemExit)
    reasons = [line for line in ended.stderr.splitlines() if gone in line]
    assert reasons
    assert len(reasons) == len(set(reasons))
    assert all("ConnectError" in reason for reason in reasons)
    assert "Traceback" not in ended.stderr
