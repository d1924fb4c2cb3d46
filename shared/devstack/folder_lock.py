"""One stack per folder."""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from shared.devstack.errors import DevstackError


class FolderLock:
    """Held while a stack runs; the system releases it with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "stack.lock"
        self._held: IO[str] | None = None

    @property
    def held(self) -> bool:
        """Whether we hold it."""
        return self._held is not None

    def acquire(self, addresses: Mapping[str, str]) -> None:
        """Take the lock and leave our number and addresses for whoever comes second; DevstackError tells them."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        opened = self._file.open("a+")
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            opened.close()
            raise DevstackError("stack", self._in_the_way()) from None
        opened.truncate(0)
        json.dump({"pid": os.getpid(), "addresses": dict(addresses)}, opened)
        opened.flush()
        self._held = opened

    def release(self) -> None:
        """Let the next stack start."""
        if self._held:
            self._held.truncate(0)
            self._held.close()
            self._held = None

    def _in_the_way(self) -> str:
        try:
            holder = json.loads(self._file.read_text())
        except ValueError:  # it has only just started
            return f"another process is starting the stack of {self._file.parent}"
        lines = [f"  {name}: {address}" for name, address in holder["addresses"].items()]
        return "\n".join(
            [
                f"process {holder['pid']} already runs the stack of {self._file.parent}:",
                *lines,
                f"Use that one, or end it with Ctrl-C in its terminal or `kill {holder['pid']}`.",
            ]
        )
