"""Long work in turns, so that what others wait for (a commit, a single post) is not held up behind it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")

TURN = 25


async def in_turns(items: Iterable[T], turn: int = TURN) -> AsyncIterator[T]:
    """The items, with a pause for others after every 25, or `turn` of them."""
    for number, item in enumerate(items, 1):
        yield item
        if number % turn == 0:
            await asyncio.sleep(0)
