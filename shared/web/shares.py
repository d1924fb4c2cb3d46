"""Who goes next: so many requests at once, in turn by county and then by subject. Pure: no time, no tasks."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Share:
    """Whose a request is. `county` is the division's first six digits, or less where the token reaches further."""

    county: str
    subject: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """`at_once` run, the last `spare` places only for counties that have none running.

    While others wait, a county that has `line` waiting may add only subjects that have none waiting; never more than
    `longest`.
    """

    at_once: int
    spare: int
    line: int
    longest: int


class FairLine(Generic[T]):
    """Those who wait and how many run. Nobody is limited while nobody else waits."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._running: Counter[str] = Counter()
        self._waiting: OrderedDict[str, OrderedDict[str, deque[T]]] = OrderedDict()

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(_count, self._waiting.values()))

    def has_room(self, share: Share) -> bool:
        """Whether one more of this share may come to wait."""
        mine = self._waiting.get(share.county) or OrderedDict[str, deque[T]]()
        of_county, of_subject = _count(mine), len(mine.get(share.subject, ()))
        if of_county < self._bounds.line:
            return True
        others_wait = len(self) > of_subject
        return of_county < self._bounds.longest and not (others_wait and of_subject)

    def arrive(self, share: Share, one: T) -> None:
        """Wait, behind whoever of the same share came before."""
        self._waiting.setdefault(share.county, OrderedDict()).setdefault(share.subject, deque()).append(one)

    def next(self) -> T | None:
        """Whose turn it is now: that one runs until `leave`. None while nobody waits or nobody may run."""
        free = self._bounds.at_once - self._running.total()
        for county in self._waiting if free > 0 else ():
            if free > self._bounds.spare or not self._running[county]:
                self._running[county] += 1
                return self._take(county)
        return None

    def leave(self, share: Share) -> None:
        """One that ran is done."""
        self._running[share.county] -= 1
        if not self._running[share.county]:
            del self._running[share.county]

    def withdraw(self, share: Share, one: T) -> None:
        """One that waited waits no more."""
        subjects = self._waiting[share.county]
        subjects[share.subject].remove(one)
        self._forget_empty(share.county, share.subject)

    def _take(self, county: str) -> T:
        subjects = self._waiting[county]
        subject = next(iter(subjects))
        one = subjects[subject].popleft()
        subjects.move_to_end(subject)
        self._waiting.move_to_end(county)
        self._forget_empty(county, subject)
        return one

    def _forget_empty(self, county: str, subject: str) -> None:
        if not self._waiting[county][subject]:
            del self._waiting[county][subject]
        if not self._waiting[county]:
            del self._waiting[county]


def _count(subjects: OrderedDict[str, deque[T]]) -> int:
    return sum(map(len, subjects.values()))
