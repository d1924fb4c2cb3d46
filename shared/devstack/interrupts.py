"""Signals at the terminal: each of them ends the program in order, none of them ends the clean-up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ends_like_ctrl_c() -> Iterator[None]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does, so that `finally` stops what was started."""
    with _handling(signal.default_int_handler):
        yield


@contextmanager
def held_back() -> Iterator[None]:
    """A second Ctrl-C while everything is being stopped changes nothing: stopping has its own time limits."""
    with _handling(_nothing):
        yield


@contextmanager
def _handling(handler: Any) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Stopping is under way already."""
