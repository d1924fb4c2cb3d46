"""One child process: its own group, its own log file, gone when we are gone."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.devstack.errors import DevstackError
from shared.devstack.lifeline import Lifeline

_TAIL_LINES = 6
_LONGEST_LINE = 400


class Child:
    """Starts a command, any number of times one after the other, and ends it with everything it started itself."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log_file: Path,
        lifeline: Lifeline,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log_file = log_file
        self._command = command
        self._env = env
        self._lifeline = lifeline
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._log_start = 0
        self._group: int | None = None

    @property
    def pid(self) -> int | None:
        """The process number while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def age(self) -> float:
        """Seconds since the last start."""
        return time.monotonic() - self._started

    def start(self) -> None:
        """Start the command; its output is appended to the log file."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - commands come from our own code
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                # Not a session of its own: Linux would share the processor between sessions, whatever a process's nice.
                process_group=0,
            )
        self._group = self._process.pid
        self._lifeline.watch(self._group)
        self._started = time.monotonic()

    def exit_code(self) -> int | None:
        """None while it runs; after its end whatever it left in its process group is killed, too."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is not None:
            self._clear_group()
        return code

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self.pid:
            os.kill(self.pid, signal.SIGTERM)

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds; returns when it is gone."""
        if self._process is None:
            return
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole process group; returns when it is gone."""
        if self._process is not None:
            self._clear_group()
            self._process.wait()

    def output(self) -> str:
        """What it wrote since the last start."""
        if not self.log_file.exists():
            return ""
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def failure(self, reason: str) -> DevstackError:
        """`reason` with the last lines it wrote and the log file."""
        last = "\n".join(f"  | {_shortened(line)}" for line in self.output().splitlines()[-_TAIL_LINES:])
        return DevstackError(self.name, f"{reason}\n{last}" if last else reason, self.log_file)

    def _clear_group(self) -> None:
        if self._group is None:  # once only: the number may belong to a stranger by now
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._group, signal.SIGKILL)
        self._lifeline.release(self._group)
        self._group = None


def _shortened(line: str) -> str:
    """Both ends of a line: a JSON log line says what happened first and why last."""
    half = _LONGEST_LINE // 2
    return line if len(line) <= _LONGEST_LINE else f"{line[:half]} … {line[-half:]}"
