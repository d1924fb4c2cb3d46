"""Long work in turns, so that what others wait for (a commit, a single post) is not held up behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

TURN = 25
PATIENCE, LOOK_AGAIN = 0.1, 0.001

_going_first = 0


@contextmanager
def going_first() -> Iterator[None]:
    """While the block runs, work in turns waits with its next turn; not for longer than 0.1 s, so that it goes on."""
    global _going_first
    _going_first += 1
    try:
        yield
    finally:
        _going_first -= 1


async def in_turns(items: Iterable[T], turn: int = TURN) -> AsyncIterator[T]:
    """The items, with a pause for others after every 25, or `turn` of them."""
    for number, item in enumerate(items, 1):
        yield item
        if number % turn == 0:
            await _others_first()


async def _others_first() -> None:
    await asyncio.sleep(0)
    until = time.monotonic() + PATIENCE
    while _going_first and time.monotonic() < until:
        await asyncio.sleep(LOOK_AGAIN)
