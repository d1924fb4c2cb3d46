"""What a word about a rostered day needs: beforehand it holds, afterwards it is a correction (F-021)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

State = Literal["holds", "waiting"]
Answer = Literal["duplicate", "contradicted"]


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody puts an officer on duty that day, or takes him off it."""

    officer: UUID
    day: date
    on_duty: bool
    by: UUID
    reason: str | None


def state(said: Said, today: date) -> State:
    """A roster is made before its day; on the day itself people are there already, or are not."""
    return "holds" if said.day > today else "waiting"


def lacks_reason(said: Said, today: date) -> bool:
    """Whether a correction does not say why."""
    return state(said, today) == "waiting" and not said.reason


def answer(said: Said, on_duty: bool, waiting: bool | None) -> Answer | None:
    """What it meets: the same said before, or the opposite waiting to be confirmed; None when it is news.

    `on_duty` is what holds now, `waiting` what a correction of that day says that nobody has confirmed so far.
    """
    if waiting is not None:
        return "duplicate" if waiting == said.on_duty else "contradicted"
    return "duplicate" if on_duty == said.on_duty else None


def may_confirm(officer: UUID, said_by: UUID, confirming: UUID) -> bool:
    """A correction is confirmed by somebody else than who made it, and than whom it is about."""
    return confirming not in (officer, said_by)
