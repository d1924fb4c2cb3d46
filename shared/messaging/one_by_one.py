"""Work taken in batches: after one that failed each piece is tried alone, until the one that causes it is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class OneByOne(Generic[T]):
    """What a ticker remembers from one transaction to the next."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Sequence[T] = ()
        self._alone = 0

    def size(self) -> int:
        """How many to take now: as many as may be, or one. Asked once at the beginning of each tick."""
        self._taken = ()
        if not self._alone:
            return self._most
        self._alone -= 1
        return 1

    def took(self, items: Sequence[T]) -> None:
        """What this tick has taken."""
        self._taken = items

    def culprit(self, error: Exception) -> T | None:
        """Which one made the tick fail; None when several were taken, which are tried alone from now on.

        An error before anything was taken is nobody's: it is raised again.
        """
        if not self._taken:
            raise error
        if len(self._taken) == 1:
            return self._taken[0]
        self._alone = len(self._taken)
        return None
