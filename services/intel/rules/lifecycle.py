"""How an order moves: ordered → received → accepted → closed, forward only; `returned` comes before the end.

A report without an order moves in the same way, from `filed` on. An order that another one followed moves no more.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

Event = Literal["received", "accepted", "returned", "closed"]
Step = Literal["received", "accepted", "returned"]

IN_HAND = ("ordered", "received", "accepted")

_RANK = {"filed": 1, "awaiting_station": 1, "ordered": 2, "received": 3, "accepted": 4, "returned": 5, "closed": 6}

# A station that closes has accepted, one that accepts has received: a missing or late call leaves no hole (S-109).
_IMPLIED: dict[str, tuple[Step, ...]] = {
    "received": ("received",),
    "accepted": ("received", "accepted"),
    "returned": ("received", "returned"),
    "closed": ("received", "accepted"),
}


class Moved(NamedTuple):
    """What a station's word brought about; the same word again moves nothing, and is not late."""

    state: str
    late: bool


def after(event: Event, state: str, *, followed: bool) -> Moved:
    """What becomes of an order, or of a report without one: a word that comes too late moves nothing, always."""
    late = followed or _RANK[event] < _RANK[state]
    return Moved(state if late else event, late)


def missing_steps(state: str, acknowledged: Collection[str]) -> tuple[Step, ...]:
    """The acknowledgements that lie on the way to a state and that nobody has been told of yet, in their order."""
    return tuple(step for step in _IMPLIED.get(state, ()) if step not in acknowledged)
