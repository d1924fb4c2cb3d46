"""Days from first to last, both counted; no last day is open."""

from datetime import date


def is_reversed(since: date, until: date | None) -> bool:
    """Whether a period ends before it begins."""
    return until is not None and until < since


def overlap(since: date, until: date | None, other_since: date, other_until: date | None) -> bool:
    """Whether two periods have a day in common."""
    return (until is None or other_since <= until) and (other_until is None or since <= other_until)


def contains(since: date, until: date | None, *, inner_since: date, inner_until: date | None) -> bool:
    """Whether every day of the inner period lies in the outer one."""
    ends_in_time = until is None or (inner_until is not None and inner_until <= until)
    return since <= inner_since and ends_in_time
