import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.devstack.errors import DevstackError
from shared.devstack.ports import free_port
from shared.devstack.processes import ProcessGroup, ProcessSpec
from tests.devstack.waiting import alive, eventually

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


@pytest.fixture
def group(tmp_path: Path) -> Iterator[ProcessGroup]:
    with ProcessGroup(tmp_path) as processes:
        yield processes


def spec(name: str, code: str, **more: object) -> ProcessSpec:
    return ProcessSpec(name, [sys.executable, "-c", code], dict(os.environ), **more)  # type: ignore[arg-type]


def family(folder: Path, program: str = "group") -> tuple["subprocess.Popen[bytes]", list[int]]:
    parent = subprocess.Popen([sys.executable, "-m", "tests.devstack.parents", program, str(folder)])
    eventually((folder / "pids").exists, 30)
    pids = list(map(int, (folder / "pids").read_text().split()))
    if program == "group":
        eventually(lambda: (folder / "family.log").read_text().strip())
        pids.append(int((folder / "family.log").read_text()))
    assert all(map(alive, pids))
    return parent, pids


def test_children_and_grandchildren_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent, pids = family(tmp_path)
    parent.kill()
    parent.wait()
    eventually(lambda: not any(map(alive, pids)))


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_children_and_grandchildren_are_stopped_by_a_signal(tmp_path: Path, ending: signal.Signals) -> None:
    parent, pids = family(tmp_path)
    parent.send_signal(ending)
    parent.wait(20)
    assert not any(map(alive, pids))


def test_a_process_deaf_to_sigterm_is_killed(
    group: ProcessGroup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.devstack.processes._GRACE_SECONDS", 0.2)
    group.start(spec("deaf", DEAF))
    eventually(lambda: "deaf" in (tmp_path / "deaf.log").read_text())
    pid = group.pid_of("deaf")
    group.stop()
    assert pid
    assert not alive(pid)


def test_a_killed_worker_is_back_at_once_however_often_it_is_killed(group: ProcessGroup) -> None:
    group.start(ProcessSpec("worker", SLEEP, dict(os.environ), restart=True))
    for killed in range(1, 8):
        eventually(lambda: group.pid_of("worker"))
        os.kill(group.pid_of("worker") or 0, signal.SIGKILL)
        eventually(lambda: group.restarts_of("worker") == killed)  # noqa: B023 - waited for in this very turn
    group.raise_failure()


def test_a_worker_that_cannot_start_is_reported_with_its_words_and_its_log_file(
    group: ProcessGroup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.devstack.processes._LONGEST_PAUSE", 0.05)
    group.start(spec("worker", "import sys; sys.exit('no database')", restart=True))
    with pytest.raises(
        DevstackError, match=r"exited with code 1, 5 times(.|\n)*no database(.|\n)*worker.log"
    ) as failure:
        group.wait()
    assert failure.value.log_file == tmp_path / "worker.log"


def test_a_worker_whose_program_is_gone_is_reported_and_the_others_are_still_looked_after(
    group: ProcessGroup, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o700)
    group.start(ProcessSpec("worker", [str(program)], dict(os.environ), restart=True))
    group.start(ProcessSpec("other", SLEEP, dict(os.environ), restart=True))
    program.unlink()
    os.kill(group.pid_of("worker") or 0, signal.SIGKILL)
    with pytest.raises(DevstackError, match=r"worker: cannot be started again: .*program"):
        eventually(group.raise_failure)
    os.kill(group.pid_of("other") or 0, signal.SIGKILL)
    eventually(lambda: group.restarts_of("other"))


def test_a_process_that_may_not_end_is_reported_when_it_does(group: ProcessGroup) -> None:
    group.start(ProcessSpec("api", SLEEP, dict(os.environ)))
    os.kill(group.pid_of("api") or 0, signal.SIGKILL)
    with pytest.raises(DevstackError, match="api: was killed by signal 9"):
        group.wait()


def test_ready_means_its_address_answers_200(group: ProcessGroup, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tmp_path), str(port)]
    group.start(ProcessSpec("api", command, dict(os.environ), ready_url=f"http://127.0.0.1:{port}/readyz"))
    with pytest.raises(DevstackError, match="api: not ready after 1 s"):
        group.wait_ready(1)
    (tmp_path / "readyz").write_text("ok")
    heard: list[str] = []
    group.wait_ready(10, heard.append)
    assert heard == ["api"]


def test_a_command_that_fails_is_told_with_its_last_words(group: ProcessGroup) -> None:
    group.run("migrate", [sys.executable, "-c", "pass"], dict(os.environ))
    with pytest.raises(DevstackError, match=r"migrate: exited with code 3(.|\n)*log file: .*migrate\.log"):
        group.run("migrate", [sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ))
