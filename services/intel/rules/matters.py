"""What is known of a matter already: one report and one order are enough, however many tell of it (C-49)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

TAKEN_BACK = "withdrawn"
"""The activity behind it was rejected."""
REPEATED = "repeated"
"""An earlier activity's report of the same matter stands for it."""

_UNPUBLISHED = ("recorded", REPEATED)


@dataclass(frozen=True, slots=True)
class KnownReport:
    """One report of a matter as it is now."""

    report_id: UUID
    source: str
    state: str
    ordered: bool
    closed_at: datetime | None

    @property
    def stands(self) -> bool:
        """Whether others were told of it and nobody took it back."""
        return self.state not in (*_UNPUBLISHED, TAKEN_BACK)

    def tells(self, noticed_at: datetime) -> bool:
        """Whether it tells a station of what was noticed then.

        What comes up again after its closing is news, and a station that sent its order back has nothing in hand.
        """
        in_hand = self.stands and self.state != "returned"
        return in_hand and (self.closed_at is None or noticed_at <= self.closed_at)


def is_entered(noticed_at: datetime, others: Iterable[KnownReport]) -> bool:
    """Whether an earlier activity's report tells the station all that another activity could."""
    return any(other.source == "activity" and other.tells(noticed_at) for other in others)


def is_ordered(noticed_at: datetime, others: Iterable[KnownReport]) -> bool:
    """Whether a station was told by an order already."""
    return any(other.ordered and other.tells(noticed_at) for other in others)
