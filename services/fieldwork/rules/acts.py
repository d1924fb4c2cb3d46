"""Who may decide about others' work: holders of a post that acts, as seen from the place on the day of the act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Office = Literal["station", "superior", "own"]
"""The responsible station; public security above it; where there is no station, the office of whoever did the work."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody of an office, as he stands to one place on one day."""

    kind: str
    offices: frozenset[Office]
    assigned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ActingPost:
    """A post that acts: staff of these kinds of an office, or only who is assigned to it by this name."""

    name: str
    office: Office
    officer_kinds: frozenset[str]
    assigned: bool

    def is_held_by(self, holder: Holder) -> bool:
        """Whether he holds it on that day."""
        belongs = self.office in holder.offices and holder.kind in self.officer_kinds
        return belongs and (not self.assigned or self.name in holder.assigned)


def rank(by: Sequence[ActingPost], holder: Holder | None) -> int | None:
    """How high he stands among the posts of an act, the lowest first; None for somebody who holds none of them."""
    held = [place for place, post in enumerate(by) if holder is not None and post.is_held_by(holder)]
    return max(held, default=None)


def is_of_the_office(by: Sequence[ActingPost], holder: Holder) -> bool:
    """Whether at least his office is one that acts, whatever his post."""
    return any(post.office in holder.offices for post in by)


def outranks(by: Sequence[ActingPost], holder: Holder | None, other: Holder | None) -> bool:
    """Whether he acts in a post above the other's; somebody who holds none of them now stands below all."""
    own, others = rank(by, holder), rank(by, other)
    return own is not None and (others is None or own > others)
