import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.devstack.errors import DevstackError
from shared.devstack.kafka import KafkaBroker
from shared.devstack.plan import StackPlan
from shared.devstack.stack import Stack, State
from tests.devstack.waiting import alive, eventually

SERVICES = ["personnel", "intel"]
PLAN = [sys.executable, "-m", "tests.devstack.stand_in"]


class Heard(list[tuple[str, State]]):
    def __call__(self, step: str, state: State, _detail: str) -> None:
        self.append((step, state))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project") / ".cunjing"


@pytest.fixture(scope="module")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="module")
def stack(folder: Path, heard: Heard, kafka: KafkaBroker) -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
        started = Stack(folder, StackPlan.at(0, PLAN, SERVICES), heard)
        with started:
            yield started
        started.delete()


def test_every_step_is_reported_begun_and_done(stack: Stack, heard: Heard) -> None:
    assert {step for step, _ in heard} == set(stack.steps)
    for step in stack.steps:
        assert [state for name, state in heard if name == step] == ["running", "done"]


def test_the_processes_get_addresses_keys_and_databases(stack: Stack, kafka: KafkaBroker) -> None:
    environment = stack.environment()
    assert environment["KAFKA_BOOTSTRAP_SERVERS"] == kafka.bootstrap_servers
    assert Path(environment["CUNJING_JWKS"]).exists()
    assert environment["CUNJING_INTEL_DATABASE_URL"].startswith("postgresql+asyncpg://cunjing_intel@/cunjing_intel?")
    assert stack.plan.addresses()["intel api"].endswith(":" + environment["CUNJING_INTEL_PORT"])


def test_a_shell_can_take_over_the_settings_of_the_processes(stack: Stack, folder: Path) -> None:
    said = subprocess.run(
        ["/bin/sh", "-c", '. "$0" && printenv CUNJING_INTEL_DATABASE_URL', folder / "environment"],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == stack.environment()["CUNJING_INTEL_DATABASE_URL"]
    assert (folder / "environment").stat().st_mode & 0o077 == 0


def test_a_second_stack_is_refused_and_told_who_is_in_the_way(stack: Stack, folder: Path) -> None:
    with pytest.raises(DevstackError) as refusal:
        Stack(folder, StackPlan.at(0, PLAN, SERVICES)).up()
    assert f"process {os.getpid()} already runs the stack" in str(refusal.value)
    assert stack.plan.addresses()["personnel api"] in str(refusal.value)
    assert stack.postgres.running()


def test_a_running_stack_keeps_its_data(stack: Stack, folder: Path) -> None:
    with pytest.raises(DevstackError, match="already runs the stack"):
        Stack(folder, StackPlan.at(0, PLAN, SERVICES)).delete()
    assert stack.postgres.running()


def test_a_killed_worker_of_the_stack_comes_back(stack: Stack) -> None:
    pid = stack.processes.pid_of("intel worker") or 0
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: stack.processes.pid_of("intel worker") not in (None, pid))
    stack.processes.wait_ready(10)


def test_a_busy_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        base = busy.getsockname()[1] - 1
        with pytest.raises(DevstackError, match=rf"personnel api: port {base + 1} is taken(.|\n)*CUNJING_BASE_PORT"):
            Stack(tmp_path, StackPlan.at(base, PLAN, ["personnel"])).up()


def test_a_failed_start_stops_what_was_started_and_names_the_culprit(tmp_path: Path, kafka: KafkaBroker) -> None:
    heard, failing = Heard(), [sys.executable, "-c", "raise SystemExit('schema is broken')"]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
        stack = Stack(tmp_path / "stack", StackPlan.at(0, failing, SERVICES), heard)
    with pytest.raises(DevstackError, match=r"schema is broken(.|\n)*\.log"):
        stack.up()
    assert len([step for step, state in heard if state == "failed"]) == 1
    assert not stack.postgres.running()
    stack.delete()


def test_down_leaves_no_process(stack: Stack) -> None:
    pids = [stack.processes.pid_of(name) or 0 for name in stack.plan.addresses()]
    assert all(map(alive, pids))
    stack.down()
    assert not any(map(alive, pids))
    assert not stack.postgres.running()
