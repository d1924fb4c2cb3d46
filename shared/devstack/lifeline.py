"""No child process outlives us, however we die."""

import subprocess
import sys
from pathlib import Path
from threading import Lock

_GUARD = Path(__file__).with_name("guard.py")


class Lifeline:
    """A guard process that reads a pipe only we write to: our death, `kill -9` included, closes it and it kills.

    Chosen over Linux's parent-death signal, which fires when the *thread* that started the child ends, needs code
    between fork and exec, spares grandchildren and does not exist on macOS.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._guard: subprocess.Popen[str] | None = None

    def watch(self, group: int) -> None:
        """From now on the process group `group` dies with us."""
        with self._lock:
            self._guard = self._guard or _start_guard()
            _tell(self._guard, f"+{group}\n")

    def release(self, group: int) -> None:
        """The process group has ended: its number may soon belong to somebody else."""
        with self._lock:
            if self._guard:
                _tell(self._guard, f"-{group}\n")

    def close(self) -> None:
        """End the guard, which first kills whatever is still watched; the next `watch` starts another."""
        with self._lock:
            if self._guard:
                self._guard.communicate()
                self._guard = None


def _start_guard() -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-I", "-S", str(_GUARD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
        bufsize=1,
    )


def _tell(guard: subprocess.Popen[str], line: str) -> None:
    assert guard.stdin is not None
    guard.stdin.write(line)
