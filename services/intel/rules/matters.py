"""What becomes of a report of a matter that is known: nothing is ordered twice, and no news is swallowed (C-49)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from services.intel.rules.lifecycle import IN_HAND

TAKEN_BACK = "withdrawn"
"""The activity behind it was rejected."""
REPEATED = "repeated"
"""An earlier activity's report of the same matter stands for it."""

_UNPUBLISHED = ("recorded", REPEATED)

News = Literal["graver", "sign", "category", "village", "summary"]
"""What a station that has the matter in hand does not know yet."""


class Telling(NamedTuple):
    """What a report says of its matter; without a severity no rule escalates it."""

    village: str
    station: UUID | None
    severity: str | None
    category: str
    signs: frozenset[str]
    has_summary: bool
    noticed_at: datetime


class KnownOrder(NamedTuple):
    """An order of the matter, and what its station was told."""

    order_id: UUID
    station: UUID
    state: str
    severity: str | None
    signs: frozenset[str]
    categories: frozenset[str]
    villages: frozenset[str]
    closed_at: datetime | None

    @property
    def in_hand(self) -> bool:
        """Whether its station has it and has neither closed it nor sent it back."""
        return self.state in IN_HAND


class KnownReport(NamedTuple):
    """Another report of the matter."""

    report_id: UUID
    source: str
    state: str
    village: str
    category: str
    signs: frozenset[str]
    closed_at: datetime | None

    @property
    def stands(self) -> bool:
        """Whether others were told of it and nobody took it back."""
        return self.state not in (*_UNPUBLISHED, TAKEN_BACK)


class Way(NamedTuple):
    """Where a report goes; `order` is the one it joins or is answered by; `told` are stations that learn of it."""

    kind: Literal["record", "join", "answered", "order", "wait"]
    order: UUID | None = None
    told: tuple[tuple[UUID, tuple[News, ...]], ...] = ()


def way(told: Telling, orders: Sequence[KnownOrder], severities: Sequence[str]) -> Way:
    """`severities` from the mildest on; `orders` of the matter from the oldest on."""
    in_hand = [order for order in orders if order.in_hand]
    updates = tuple((order.order_id, found) for order in in_hand if (found := news(told, order, severities)))
    own = [order for order in in_hand if order.station == told.station]
    without_own = told.severity is None or told.station is None
    if joined := own or (in_hand if without_own else []):
        return Way("join", joined[-1].order_id, updates)
    if answered := [order for order in orders if _answers(order, told, severities)]:
        return Way("answered", answered[-1].order_id, updates)
    if told.severity is None:
        return Way("record")
    return Way("wait") if told.station is None else Way("order", None, updates)


def news(told: Telling, order: KnownOrder, severities: Sequence[str]) -> tuple[News, ...]:
    """What the order's station does not know yet."""
    ranks = {severity: rank for rank, severity in enumerate(severities)}
    found: dict[News, bool] = {
        "graver": ranks.get(told.severity or "", -1) > ranks.get(order.severity or "", -1),
        "sign": not told.signs <= order.signs,
        "category": told.category not in order.categories,
        "village": told.village not in order.villages,
        "summary": told.has_summary,
    }
    return tuple(name for name, is_so in found.items() if is_so)


def _answers(order: KnownOrder, told: Telling, severities: Sequence[str]) -> bool:
    """Whether a station closed it, knowing all this, after it was noticed; what comes up later is a new occurrence.

    A text that came too late for it does not open it again.
    """
    closed_since = order.closed_at is not None and order.state == "closed" and told.noticed_at <= order.closed_at
    return closed_since and order.station == told.station and set(news(told, order, severities)) <= {"summary"}


def is_entered(told: Telling, others: Iterable[KnownReport]) -> bool:
    """Whether an earlier activity's report tells the station all that this other activity could."""
    return any(other.source == "activity" and _tells_all(other, told) for other in others)


def _tells_all(other: KnownReport, told: Telling) -> bool:
    # What comes up again after its closing is news, and a station that sent its order back has nothing in hand.
    in_hand = other.stands and other.state != "returned"
    still = other.closed_at is None or told.noticed_at <= other.closed_at
    same = (other.village, other.category) == (told.village, told.category)
    return in_hand and still and same and told.signs <= other.signs
