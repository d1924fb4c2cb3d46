"""The simulated APP backend of the province: passes on what phones send and what station leaders decide."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from demo.activities import Item
from demo.clients import Api, Unexpected
from demo.county import SYSTEM
from demo.month import MONTH, Month, chunks
from demo.presence import Duty

T = TypeVar("T")

AT_ONCE = 3
PAUSE = 0.3
ROUNDS_WITHOUT_PROGRESS = 4
LONGEST_WAIT = 60.0
VERDICTS = "/v1/activities/verifications"


@dataclass
class Tally:
    """What became of everything that was sent: each answer counted, and the last word on each item."""

    batches: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    kept: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    given_up: int = 0

    def take(self, items: Sequence[Item], answers: Sequence[dict[str, Any]]) -> None:
        """Count the answers of one batch."""
        self.batches += 1
        for answer in answers:
            self.outcomes[answer["outcome"]] += 1
            item_id = items[answer["index"]]["id"]
            if problem := answer.get("problem"):
                self.refused[item_id] = problem["code"]
            else:
                self.kept.add(item_id)

    def as_dict(self) -> dict[str, int]:
        """For programs."""
        outcomes = {name: self.outcomes[name] for name in ("created", "duplicate", "conflict", "rejected", "retryable")}
        return {"batches": self.batches, **outcomes, "given_up": self.given_up}


class Backend:
    """One county's phones and leaders, as its APP backend forwards them with an act-as token."""

    def __init__(self, fieldwork: Api, month: Month) -> None:
        self._fieldwork = fieldwork
        self._month = month
        self.phones = Tally()
        self.leaders = Tally()
        self._verdict_of: dict[str, str] = {}

    async def is_done(self) -> bool:
        """Whether an earlier run brought the whole month in: the verdict that overrules another comes last."""
        overruled = await self._fieldwork.find(f"/v1/activities/{self._month.overruled.item['id']}")
        return overruled is not None and any(verdict["replaces"] for verdict in overruled["history"])

    async def send(self) -> None:
        """Everything from the phones; what is not known there again and again, until it is in or hopeless."""
        first, *others = self._month.batches()
        late = await self._until_known(first)

        async def post(batch: list[Item]) -> None:
            late.extend(await self._sync(batch))

        await _each(others, post)
        await self._resend(late)
        await self._sync([self._month.clash.item])

    def surprises(self) -> list[str]:
        """Good items that were not kept, bad ones that were, and refusals with another code than they deserve."""
        if not self.phones.batches:
            return []
        expected = {bad.item["id"]: bad.code for bad in self._month.bad}
        good = {work.item["id"] for work in self._month.work}
        clash = self._month.clash
        refused = {id_: code for id_, code in self.phones.refused.items() if id_ not in self.phones.kept}
        wrong = {id_: code for id_, code in refused.items() if expected.get(id_) != code.removesuffix("_yet")}
        return [
            *(f"{id_} was not kept" for id_ in sorted(good - self.phones.kept)),
            *(f"{id_} was kept" for id_ in sorted(self.phones.kept - good)),
            *(f"{id_} was refused with {code}" for id_, code in sorted(wrong.items())),
            *([] if self.phones.refused.get(clash.item["id"]) == clash.code else ["the clash was not seen"]),
        ]

    async def _until_known(self, batch: list[Item]) -> list[Item]:
        """Before a new county's people are known nothing else is worth sending; what is still to be sent again."""
        left = await self._sync(batch)
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                while len(left) > len(batch) // 10:
                    await asyncio.sleep(PAUSE)
                    left = await self._sync(left)
        except TimeoutError:
            raise Unexpected(f"after {LONGEST_WAIT:.0f} s {len(left)} items still name what is not known yet") from None
        return left

    async def _resend(self, late: list[Item]) -> None:
        rounds = 0
        while late and rounds < ROUNDS_WITHOUT_PROGRESS:
            await asyncio.sleep(PAUSE)
            left = [item for part in chunks(late) for item in await self._sync(part)]
            rounds = rounds + 1 if len(left) == len(late) else 0
            late = left
        self.phones.given_up = len({item["id"] for item in late})

    async def _sync(self, batch: list[Item]) -> list[Item]:
        """Send one batch; the items to send again."""
        answer = await self._fieldwork.post("/v1/sync", {"items": batch})
        self.phones.take(batch, answer["items"])
        return [batch[one["index"]] for one in answer["items"] if one["outcome"] == "retryable" or _is_new(one)]

    async def decide(self) -> None:
        """Station by station its people confirm or reject; then a head overrules one of them."""
        of_one: dict[str, list[Item]] = defaultdict(list)
        for verdict in self._month.verdicts():
            of_one[verdict["verified_by"]["id"]].append(verdict)

        async def post(batch: list[Item]) -> None:
            await self._leaders(VERDICTS, batch)

        await _each([part for verdicts in of_one.values() for part in chunks(verdicts)], post)
        await self._overrule()

    async def _overrule(self) -> None:
        work = self._month.overruled
        verdict = {
            "verdict": "reject",
            "activity_id": work.item["id"],
            "verified_by": {"id": str(self._month.head_of(work.village).officer_id)},
            "cause": "recheck_failed",
            "reason": "parties_still_in_dispute",
            "replaces": self._verdict_of[work.item["id"]],
        }
        await self._leaders(VERDICTS, [verdict])

    async def certify(self) -> None:
        """Rosters of the month, and the stations' word for every covered village where nothing happened (A-202)."""
        await _each(chunks(list(self._month.roster)), self._roster)
        await _each(chunks([*self._certificates()]), self._certify)

    async def _roster(self, duties: list[Duty]) -> None:
        """The month is over, so each day is a correction of a head's, which an area's officer confirms."""
        told = await self._leaders("/v1/rosters", [self._rostered(duty) for duty in duties])
        waiting = [(duty, one["id"]) for duty, one in zip(duties, told, strict=True) if one.get("state") == "waiting"]
        if waiting:
            await self._leaders("/v1/rosters/confirmations", [self._confirmed(*pair) for pair in waiting])

    async def _certify(self, certificates: list[Item]) -> None:
        await self._leaders("/v1/certificates", certificates)

    def _rostered(self, duty: Duty) -> Item:
        head = self._month.head_of(duty.person.place)
        return {
            "officer": {"id": str(duty.person.officer_id)},
            "day": duty.date.isoformat(),
            "entered_by": {"id": str(head.officer_id)},
            "reason": "entered_with_the_month",
        }

    def _confirmed(self, duty: Duty, correction: str) -> Item:
        officer = self._month.officer_of(duty.person.place)
        return {"id": correction, "confirmed_by": {"id": str(officer.officer_id)}, "confirm": True}

    def _certificates(self) -> Iterable[Item]:
        covered = {person.place for person in self._month.county.auxiliaries}
        for village in self._month.quiet_villages():
            if village in covered:
                yield self._certificate(village, "dispute")
        for village in sorted(covered - {self._month.overruled.village}):
            yield self._certificate(village, "instability")

    def _certificate(self, village: str, of: str) -> Item:
        head = self._month.head_of(village)
        certificate_id = {"system": SYSTEM, "id": f"certificate/{of}/{village}/{MONTH}"}
        by = {"id": str(head.officer_id)}
        return {"id": certificate_id, "village": village, "of": of, "month": MONTH, "certified_by": by}

    async def _leaders(self, path: str, items: list[Item]) -> list[dict[str, Any]]:
        """What became of each item; what names somebody not known yet is sent again."""
        told: dict[int, dict[str, Any]] = {}
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                while left := [index for index in range(len(items)) if index not in told]:
                    said = await self._decide(path, [items[index] for index in left])
                    told |= {left[one["index"]]: one for one in said if one["outcome"] != "retryable"}
                    if len(told) < len(items):
                        await asyncio.sleep(PAUSE)
        except TimeoutError:
            left_over = len(items) - len(told)
            raise Unexpected(f"{path}: after {LONGEST_WAIT:.0f} s {left_over} still name what is not known") from None
        return [told[index] for index in range(len(items))]

    async def _decide(self, path: str, items: list[Item]) -> list[dict[str, Any]]:
        name = "verdicts" if path == VERDICTS else "items"
        answers: list[dict[str, Any]] = (await self._fieldwork.post(path, {name: items}))["items"]
        self.leaders.batches += 1
        for one in answers:
            self.leaders.outcomes[one["outcome"]] += 1
            if one["outcome"] not in ("created", "duplicate", "retryable"):
                raise Unexpected(f"{path}: {one}")
            if "verdict_id" in one:
                self._verdict_of[one["activity_id"]] = one["verdict_id"]
        return answers


async def _each(batches: Iterable[list[T]], post: Callable[[list[T]], Awaitable[None]]) -> None:
    """A few at once, in order, like a backend with a few workers."""
    waiting = iter(batches)

    async def work() -> None:
        for batch in waiting:
            await post(batch)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())


def _is_new(outcome: Item) -> bool:
    """A county that was loaded a moment ago may still be told of: what is unknown is worth another try."""
    return str(outcome.get("problem", {}).get("code", "")).endswith("_unknown")
