"""What there is one of on a day: an officer in service with a badge, his assignment to a post, a governing scheme."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from services.personnel.errors import AssignmentOverlaps, BadgeTaken, BindingOverlaps
from services.personnel.repository.states import States, Taken, held_post
from services.personnel.rules import periods
from services.personnel.schemas.items import AssignmentItem, BindingItem, Item, OfficerItem
from shared.web.problems import Problem


class Uniqueness:
    """What is taken, as far as the items of a batch ask."""

    def __init__(self, taken: Iterable[Taken]) -> None:
        self._of: defaultdict[str, list[Taken]] = defaultdict(list)
        self._by: defaultdict[UUID, list[Taken]] = defaultdict(list)
        self._take(taken)

    @classmethod
    async def of(cls, states: States, items: Sequence[Item]) -> Uniqueness:
        """Look up and hold what they want; the officer of an assignment is held already."""
        badges = {item.badge for item in items if isinstance(item, OfficerItem) and item.badge}
        places = {item.jurisdiction for item in items if isinstance(item, BindingItem)}
        posted = [item for item in items if isinstance(item, AssignmentItem)]
        await states.hold((*(f"badge {badge}" for badge in badges), *(f"binding {place}" for place in places)))
        posts = await states.posts(posted)
        return cls([*await states.badges(badges), *await states.bound(places), *posts])

    def refusal(self, item: Item) -> Problem | None:
        """A problem if somebody else has what it wants on one of its days; otherwise it is its own from now on."""
        wanted = _wanted(item)
        for one in wanted:
            for other in self._of[one.what]:
                if other.by != one.by and _meet(one, other):
                    return _taken(item, other)
        for holder in {one.by for one in wanted}:
            self._release(holder)
        self._take(wanted)
        return None

    def _release(self, holder: UUID) -> None:
        for one in self._by.pop(holder, ()):
            self._of[one.what].remove(one)

    def _take(self, taken: Iterable[Taken]) -> None:
        for one in taken:
            self._of[one.what].append(one)
            self._by[one.by].append(one)


def _wanted(item: Item) -> list[Taken]:
    if isinstance(item, OfficerItem) and item.badge and item.status != "left":
        return [Taken(item.officer_id, item.badge, item.valid)]
    if isinstance(item, BindingItem) and item.use == "governing":
        return [Taken(item.binding_id, f"{item.jurisdiction} {post}", item.valid) for post in item.posts]
    if isinstance(item, AssignmentItem):
        post = held_post(item.officer_id, item.where.type, item.where.id, item.post, item.role)
        return [Taken(item.assignment_id, post, item.valid)]
    return []


def _meet(one: Taken, other: Taken) -> bool:
    return periods.overlap(one.when.since, one.when.until, other.when.since, other.when.until)


def _taken(item: Item, other: Taken) -> Problem:
    if isinstance(item, BindingItem):
        return BindingOverlaps("请先结束已有的适用,或改为 shadow(对照)", binding_id=str(other.by))
    if isinstance(item, AssignmentItem):
        return AssignmentOverlaps("请修改已有的派驻,或先结束它", assignment_id=str(other.by))
    return BadgeTaken("请核对警号;如已移交,请先办理原持有人离岗")
