"""One month of the county's work: what phones send, what stations say about it, what is wrong on purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import TypeVar

from demo.activities import Item, Work, Workforce, activities, instant
from demo.county import COUNTY, SEED, SYSTEM, County, Person
from demo.presence import Duty, duties, register
from shared.ids import foreign_id

T = TypeVar("T")

MONTH = "2026-10"
BATCH = 500
NEVER_KNOWN = f"{COUNTY}999999"
COPIES_OF_BAD = 5
PETITION = foreign_id(SYSTEM, "matter/petition")
"""The matter of the group petition that is reported to the station."""


@dataclass(frozen=True, slots=True)
class Bad:
    """An item that must not get in, and what the program has to say about it."""

    item: Item
    code: str


@dataclass(frozen=True)
class Month:
    """The month of a county; `work` is in the order in which it gets through to the server."""

    county: County
    work: tuple[Work, ...]
    roster: tuple[Duty, ...]

    @cached_property
    def activities(self) -> tuple[Work, ...]:
        """The work without the arrival register."""
        return tuple(work for work in self.work if work.item["type"] == "activity")

    @cached_property
    def bad(self) -> tuple[Bad, ...]:
        """Items a real phone gets wrong, a few of each."""
        return tuple(_bad_items(self.activities[0].item))

    @cached_property
    def clash(self) -> Bad:
        """A phone that used an id twice: sent after everything else it changes nothing."""
        return Bad(self.activities[0].item | {"quantity": "7"}, "fieldwork.content_conflict")

    @cached_property
    def overruled(self) -> Work:
        """The verified work whose verdict somebody else changes: a settled dispute of whoever settled most."""
        disputes = Counter(work.officer for work in self.activities if _is_dispute(work, "resolved"))
        return max(self._verified(), key=lambda work: (_is_dispute(work, "resolved"), disputes[work.officer]))

    @cached_property
    def unsettled(self) -> Work:
        """The dispute that the village could not settle, which is reported to the station."""
        others = (work for work in self._verified() if work.officer != self.overruled.officer)
        return max(others, key=lambda work: _is_dispute(work, "open"))

    def _verified(self) -> Iterator[Work]:
        """What auxiliaries did in their own villages and their stations confirm."""
        return (work for work in self.activities if work.fate == "verify" and work.officer.place == work.village)

    def batches(self) -> Iterator[list[Item]]:
        """Batches as the backend passes them on: shuffled, every twelfth twice, bad items among the good."""
        random = Random(f"{SEED}/batches")  # noqa: S311
        items = [work.item for work in self.work]
        for bad in self.bad:
            items.insert(random.randrange(BATCH, len(items)), bad.item)
        for number, batch in enumerate(chunks(items)):
            random.shuffle(batch)
            yield batch
            if number % 12 == 5:
                yield batch

    def quiet_villages(self) -> list[str]:
        """Villages of the county where nobody entered a dispute."""
        loud = {work.village for work in self.activities if work.item["kind"] == "dispute"}
        return [village.code for village in self.county.villages if village.code not in loud]

    def verdicts(self) -> Iterator[Item]:
        """What each station says about the work of its people; some of it still waits.

        Its head says it, but for the verdict that he overrules later: that one is of the area's officer.
        """
        random = Random(f"{SEED}/verdicts")  # noqa: S311
        for work in self.activities:
            if work.fate != "wait":
                by = self.officer_of(work.village) if work is self.overruled else self.head_of(work.village)
                yield _verify(work, by, random) if work.fate == "verify" else _reject(work, by, random)

    def head_of(self, village: str) -> Person:
        """The head of the station that is responsible for a village."""
        return self.county.head_of[self.county.area_of[village].station.org_id]

    def officer_of(self, village: str) -> Person:
        """The community officer of the area that holds a village."""
        return self.county.officer_of[self.county.area_of[village].area_id]


def _is_dispute(work: Work, state: str) -> bool:
    return work.item["kind"] == "dispute" and bool(work.item["details"]["state"] == state)


def plan_month(county: County, scale: float = 1.0) -> Month:
    """The month at a share of the county's published work; presence is always whole."""
    workforce = Workforce.of(county)
    roster = tuple(duties(workforce))
    work = [*activities(workforce, scale), *register(iter(roster))]
    month = Month(county, _as_it_arrives(work), roster)
    return replace(month, work=_as_it_arrives([*work, _support(month.overruled)]))


def _as_it_arrives(work: list[Work]) -> tuple[Work, ...]:
    return tuple(sorted(work, key=lambda work: work.reaches))


def _support(beside: Work) -> Work:
    """Help with the group petition, entered by the auxiliary who reports it."""
    item: Item = {
        "type": "activity",
        "id": str(foreign_id(SYSTEM, "petition/support")),
        "officer": {"badge": beside.officer.badge},
        "village": f"{beside.village}220",  # public security's 15 digits: the class of the place behind the code
        "kind": "instability_support",
        "from": instant(29.5),
        "to": instant(29.6),
        "quantity": "1",
        "unit": "time",
        "matter_id": str(PETITION),
        "details": {"step": "handle"},
    }
    return Work(item, beside.officer, beside.village, 29.7, "verify")


def chunks(items: list[T], size: int = BATCH) -> Iterator[list[T]]:
    """Parts of at most 500: what one request may hold."""
    yield from (items[start : start + size] for start in range(0, len(items), size))


def _bad_items(good: Item) -> Iterator[Bad]:
    for number in range(COPIES_OF_BAD):
        item = good | {"id": str(foreign_id(SYSTEM, f"bad/{number}"))}
        yield Bad(_own(item, "kind", kind="tea_drinking"), "fieldwork.unknown_kind")
        in_future = {"from": "2099-01-01T09:00:00+08:00", "to": None}
        yield Bad(_own(item, "future", **in_future), "fieldwork.in_the_future")
        yield Bad(_own(item, "nothing", quantity="0"), "fieldwork.invalid_item")
        yield Bad(_own(item, "elsewhere", village="411602001001"), "fieldwork.outside_jurisdiction")
        yield Bad(_own(item, "unknown", village=NEVER_KNOWN), "fieldwork.village_unknown")


def _own(item: Item, fault: str, **wrong: str | None) -> Item:
    return item | {"id": str(foreign_id(SYSTEM, f"{fault}/{item['id']}"))} | wrong


def _verify(work: Work, by: Person, random: Random) -> Item:
    return {
        "verdict": "verify",
        "activity_id": work.item["id"],
        "verified_by": {"id": str(by.officer_id)},
        "method": random.choices(("desk", "bulk", "field"), (5, 4, 1))[0],
        "true_situation": random.random() < 0.99,
        "record_seen": random.random() < 0.96,
        "signature_seen": random.random() < 0.9,
        "effective": "yes",
    }


def _reject(work: Work, by: Person, random: Random) -> Item:
    cause, reason = random.choices(
        (("not_confirmed", "resident_does_not_confirm"), ("recheck_failed", "no_record_found"), ("fraud", "made_up")),
        (6, 3, 1),
    )[0]
    return {
        "verdict": "reject",
        "activity_id": work.item["id"],
        "verified_by": {"id": str(by.officer_id)},
        "method": "field",
        "cause": cause,
        "reason": reason,
    }
