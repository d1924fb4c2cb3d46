"""What an item must fulfil beside being well formed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

FAST_PHONE = timedelta(minutes=5)
"""How far ahead a phone's clock may be; three days ahead is a mistake."""

LONGEST_SESSION = timedelta(days=31)
"""A departure later than this after its arrival is refused. No rule says so: a technical bound of ours, so that the
days one departure touches, and the arrivals that can reach into a day, stay few."""

CODE = "[a-z][a-z_]{0,63}"
"""No digits: whatever is called a code can hold nobody's number, and no letters a name is written with."""

TimeFault = Literal["in_the_future", "ends_before_it_begins", "session_too_long"]


def time_fault(now: datetime, begun: datetime, ended: datetime | None) -> TimeFault | None:
    """What is wrong with the times of an activity or an arrival, as seen when it is recorded."""
    if max(begun, ended or begun) > now + FAST_PHONE:
        return "in_the_future"
    return "ends_before_it_begins" if ended is not None and ended < begun else None


def session_fault(now: datetime, arrived: datetime, left: datetime) -> TimeFault | None:
    """What is wrong with a departure, given the arrival it belongs to."""
    if left - arrived > LONGEST_SESSION:
        return "session_too_long"
    return time_fault(now, arrived, left)


def lacks_officer(restricted: bool, kinds_of_doers: Iterable[str], kind_of_companion: str | None) -> bool:
    """C-31: restricted work by anybody but a police officer needs a police officer named as present."""
    return restricted and kind_of_companion != "officer" and any(kind != "officer" for kind in kinds_of_doers)
