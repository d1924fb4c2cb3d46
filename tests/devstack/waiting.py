"""Waiting for a condition, and whether a process lives."""

import time
from collections.abc import Callable

import psutil


def eventually(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still not true after {seconds} s"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """A zombie nobody collected is dead."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
