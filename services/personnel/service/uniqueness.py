"""What there is one of on a day: a badge for one officer in service, a governing scheme for one post of a place."""

from __future__ import annotations

from collections.abc import Sequence

from services.personnel.errors import BadgeTaken, BindingOverlaps
from services.personnel.repository.states import States, Taken
from services.personnel.rules import periods
from services.personnel.schemas.items import BindingItem, Item, OfficerItem
from shared.web.problems import Problem


class Uniqueness:
    """What is taken, as far as the items of a batch ask."""

    def __init__(self, taken: list[Taken]) -> None:
        self._taken = taken

    @classmethod
    async def of(cls, states: States, items: Sequence[Item]) -> Uniqueness:
        """Look up and hold what they want."""
        badges = {item.badge for item in items if isinstance(item, OfficerItem) and item.badge}
        places = {item.jurisdiction for item in items if isinstance(item, BindingItem)}
        await states.hold((*(f"badge {badge}" for badge in badges), *(f"binding {place}" for place in places)))
        return cls([*await states.badges(badges), *await states.bound(places)])

    def refusal(self, item: Item) -> Problem | None:
        """A problem if somebody else has what it wants on one of its days; otherwise it is its own from now on."""
        wanted = _wanted(item)
        mine = {one.by for one in wanted}
        for one in wanted:
            for other in self._taken:
                if other.what == one.what and other.by not in mine and _meet(one, other):
                    return _taken(item, other)
        self._taken = [other for other in self._taken if other.by not in mine] + wanted
        return None


def _wanted(item: Item) -> list[Taken]:
    if isinstance(item, OfficerItem) and item.badge and item.status != "left":
        return [Taken(item.officer_id, item.badge, item.valid)]
    if isinstance(item, BindingItem) and item.use == "governing":
        return [Taken(item.binding_id, f"{item.jurisdiction} {post}", item.valid) for post in item.posts]
    return []


def _meet(one: Taken, other: Taken) -> bool:
    return periods.overlap(one.when.since, one.when.until, other.when.since, other.when.until)


def _taken(item: Item, other: Taken) -> Problem:
    if isinstance(item, BindingItem):
        return BindingOverlaps("请先结束已有的适用,或改为 shadow(对照)", binding_id=str(other.by))
    return BadgeTaken("请核对警号;如已移交,请先办理原持有人离岗")
