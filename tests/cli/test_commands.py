from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from demo.result import Result
from services.cli.demo import in_throw_away_folder
from services.cli.desk import show


@pytest.mark.parametrize(("service", "process"), [("personnel", "api"), ("intel", "worker")])
def test_a_process_that_misses_its_keys_says_so(service: str, process: str) -> None:
    env = os.environ | {
        f"CUNJING_{service.upper()}_DATABASE_URL": "postgresql+asyncpg://nobody@127.0.0.1:1/none",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "CUNJING_JWT_ISSUER": "issuer",
        "CUNJING_JWT_AUDIENCE": "audience",
        "CUNJING_JWKS": "/nowhere",
    }
    env.pop("CUNJING_ENCRYPTION_KEYS", None)

    ended = subprocess.run(
        [sys.executable, "-m", "services", service, process], env=env, capture_output=True, text=True, timeout=60
    )

    said = ended.stderr.splitlines()
    assert (ended.returncode, said[-1]) == (1, "CUNJING_ENCRYPTION_KEYS is not set: this service keeps personal data")
    assert "Traceback" not in ended.stderr


class Demonstration:
    """A month's work that leaves logs and the broker's data, and comes to this end."""

    def __init__(self, ok: bool) -> None:
        self.ok = ok

    def __call__(self, folder: Path) -> Result:
        self.folder = folder
        for name in ("logs", "kafka"):
            (folder / name).mkdir()
        return Result({"ok": self.ok})


def test_logs_stay_when_the_counts_disagree(capsys: pytest.CaptureFixture[str]) -> None:
    bad, good = Demonstration(ok=False), Demonstration(ok=True)

    assert not in_throw_away_folder(bad).ok
    assert in_throw_away_folder(good).ok

    assert [path.name for path in bad.folder.iterdir()] == ["logs"]
    assert str(bad.folder / "logs") in capsys.readouterr().err
    assert not good.folder.exists()
    shutil.rmtree(bad.folder)


def test_a_table_shows_topics_and_streams_whole_however_narrow_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = "09038940-4890-5010-85e5-e5d33a2b7d0d"

    show([("fieldwork.activity", stream, "gap: 50 after 47 " * 5)], "topic", "stream", "reason", nothing="nothing")

    said = capsys.readouterr().out
    assert "fieldwork.activity" in said
    assert stream in said
