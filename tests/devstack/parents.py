"""Programs the tests start in order to kill them: `python -m tests.devstack.parents <what> <folder>`."""

import os
import signal
import sys
from pathlib import Path

from shared.devstack.interrupts import ends_like_ctrl_c
from shared.devstack.kafka import KafkaBroker
from shared.devstack.postgres import PostgresServer
from shared.devstack.processes import ProcessGroup, ProcessSpec

_WITH_GRANDCHILD = "import subprocess, sys; p = subprocess.Popen(['sleep', '600']); print(p.pid, flush=True); p.wait()"


def group(folder: Path) -> None:
    """Two processes, one of them with a child of its own; stays until a signal."""
    with ends_like_ctrl_c(), ProcessGroup(folder) as processes:
        environment = dict(os.environ)
        processes.start(
            ProcessSpec("family", [sys.executable, "-c", _WITH_GRANDCHILD], environment),
            ProcessSpec("single", [sys.executable, "-c", "import time; time.sleep(600)"], environment),
        )
        pids = [processes.pid_of("family"), processes.pid_of("single")]
        _tell(folder, pids)
        processes.wait()


def kafka(folder: Path) -> None:
    """A broker; stays until a signal."""
    broker = KafkaBroker(folder)
    broker.start()
    _tell(folder, [broker.pid])
    signal.pause()


def postgres(folder: Path) -> None:
    """A server whose starter dies at once."""
    PostgresServer(folder, durable=False).start()
    os.kill(os.getpid(), signal.SIGKILL)


def _tell(folder: Path, pids: list[int | None]) -> None:
    unfinished = folder / "pids.unfinished"
    unfinished.write_text(" ".join(map(str, pids)))
    unfinished.rename(folder / "pids")


if __name__ == "__main__":
    {"group": group, "kafka": kafka, "postgres": postgres}[sys.argv[1]](Path(sys.argv[2]))
