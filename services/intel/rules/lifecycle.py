"""How a report moves: filed → ordered → received → accepted → closed, forward only; `returned` comes before the end."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

Event = Literal["received", "accepted", "returned", "closed"]
Step = Literal["received", "accepted", "returned"]
State = Literal["recorded", "filed", "awaiting_station", "ordered", "received", "accepted", "returned", "closed"]

_RANK: dict[str, int] = {
    "recorded": 0,
    "filed": 1,
    "awaiting_station": 1,
    "ordered": 2,
    "received": 3,
    "accepted": 4,
    "returned": 5,
    "closed": 6,
}

# A station that closes has accepted, one that accepts has received: a missing or late call leaves no hole (S-109).
_IMPLIED: dict[Event, tuple[Step, ...]] = {
    "received": ("received",),
    "accepted": ("received", "accepted"),
    "returned": ("received", "returned"),
    "closed": ("received", "accepted"),
}


def steps_of(event: Event, state: str, acknowledged: Collection[str]) -> tuple[Step, ...]:
    """The acknowledgements this event brings that nobody has seen yet, in their order; none when it comes too late."""
    if _RANK[event] < _RANK[state]:
        return ()
    return tuple(step for step in _IMPLIED[event] if step not in acknowledged)


def later(state: str, event: Event) -> str:
    """The state after the event: whatever is further on."""
    return max(state, event, key=lambda s: _RANK[s])
