"""Reports follow the order that answers them: its steps are theirs, and its closing closes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intel.repository.orders import Orders
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.rules.lifecycle import missing_steps
from services.intel.service import facts
from services.intel.service.facts import Said
from shared.contracts.envelope import Fact
from shared.database.unit import Unit

AT_ONCE = 100
EVERY_VERSION = 2**31 - 1
CONTENT = ("outcome", "truth", "record_seen", "cooperated")


@dataclass
class Told:
    """What others learn of reports that moved."""

    facts: list[Fact[Any]] = field(default_factory=list)
    notes: list[Row] = field(default_factory=list)
    closings: list[Row] = field(default_factory=list)
    steps: dict[UUID, list[str]] = field(default_factory=lambda: defaultdict(list))


class Following:
    """Moving reports to where their order, or their station's word, has brought them."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.reports = Reports(unit.connection)
        self.orders = Orders(unit.connection)

    async def follow(self, order: Row, said: Row | None = None) -> None:
        """Some of the reports that are behind; the rest is left to the timer, however many tell of one matter.

        `said` is how the order ended, unless that is known already from the report it was made for.
        """
        rows = await self.reports.of_order(order["order_id"], order["version"], order["report_id"], AT_ONCE)
        await self.orders.set(order["order_id"], {"behind": len(rows) == AT_ONCE})
        last = await self.reports.last_closings({order["report_id"], *(row["report_id"] for row in rows)})
        closing = (said or last[order["report_id"]]) if order["state"] == "closed" else None
        steps = said_of(await self.orders.steps([order["order_id"]]))
        at = closing["closed_at"] if closing else steps[order["state"]].at
        told = Told()
        for row in rows:
            self.step(told, row, order["station"], order["state"], steps, at)
            if closing:
                self.close(told, row, closing, last.get(row["report_id"]))
        await self.move(rows, {"state": order["state"], "order_version": order["version"]}, told)

    async def hand_over(self, before: Row, order: Row) -> None:
        """Some of the reports of an order that another one followed are that one's now; the timer brings the rest."""
        rows = await self.reports.of_order(before["order_id"], EVERY_VERSION, before["report_id"], AT_ONCE)
        await self.orders.set(before["order_id"], {"behind": len(rows) == AT_ONCE})
        await self.join(rows, order, "ordered")

    async def join(self, rows: Sequence[Row], order: Row, what: str) -> None:
        """An order answers these reports from now on."""
        to = {"order_id": order["order_id"], "order_version": order.get("version", 0), "station": order["station"]}
        to |= {"state": "ordered", "acknowledged": [], "next_try_at": None}
        moved = [{**row, **to, "hop": row["hop"] + 1} for row in rows]
        await self.reports.change([{name: row[name] for name in ("report_id", "hop", *to)} for row in moved])
        entry = {"at": self.unit.now, "what": what, "by_org": order["sent_by"], "to_org": order["station"]}
        await self.reports.note(*(entry | {"report_id": row["report_id"]} for row in moved))
        self.unit.outbox.add(*(fact for row in moved for fact in facts.of_hop(row, order, self.unit.now)))

    async def catch_up(self) -> bool:
        """The timer's part; True while there may be more."""
        behind = await self.orders.behind(1)
        for order in behind:
            following = await self.orders.get(order["followed_by"]) if order["followed_by"] else None
            await (self.hand_over(order, following) if following else self.follow(order))
        return bool(behind)

    async def move(self, rows: Sequence[Row], to: dict[str, Any], told: Told) -> None:
        """Write where reports are now, and publish what others learn of it."""
        steps = [[*row["acknowledged"], *told.steps[row["report_id"]]] for row in rows]
        changes = [to | {"report_id": r["report_id"], "acknowledged": a} for r, a in zip(rows, steps, strict=True)]
        await self.reports.change(changes)
        await self.reports.add_closings(told.closings)
        await self.reports.note(*told.notes)
        self.unit.outbox.add(*told.facts)

    def step(self, told: Told, report: Row, org: UUID, state: str, said: Mapping[str, Said], at: datetime) -> None:
        """The acknowledgements that nobody has been told of; those that are only implied happened `at` the latest."""
        for step in missing_steps(state, report["acknowledged"]):
            found = said.get(step)
            told.steps[report["report_id"]].append(step)
            told.facts.append(facts.acknowledged(report, org, found or Said(step, at)))
            self.note(told, report, step, org, found.reason if found else "implied")

    def close(self, told: Told, report: Row, said: Row, last: Row | None) -> None:
        """A new revision when it says something new (A-205: a later one takes points back visibly)."""
        if last is not None and all(last[name] == said[name] for name in CONTENT):
            return
        closing = {**{name: said[name] for name in CONTENT}, "activity_id": said.get("activity_id")} | {
            "report_id": report["report_id"],
            "revision": last["revision"] + 1 if last else 1,
            "closed_by": said["closed_by"],
            "closed_at": said["closed_at"],
            # I-307: from this moment the reporter finds the outcome among his own reports. When he looks is his own
            # business, and a fact that waited for it would never come for those who do not look.
            "fed_back_at": self.unit.now,
        }
        told.closings.append(closing)
        told.facts.append(facts.closed(report, closing))
        self.note(told, report, "closed", said["closed_by"], said["outcome"])
        fed_back = {"report_id": report["report_id"], "at": self.unit.now, "what": "fed_back"}
        told.notes.append(fed_back | {"by_officer": report["reporter"]})

    def note(self, told: Told, report: Row, what: str, org: UUID, code: str | None) -> None:
        """An entry of a report's timeline, by a unit."""
        entry = {"report_id": report["report_id"], "at": self.unit.now, "what": what}
        told.notes.append(entry | {"by_org": org, "code": code})


async def catch_up(unit: Unit) -> bool:
    """The timer's tick."""
    return await Following(unit).catch_up()


def said_of(steps: Iterable[Row]) -> dict[str, Said]:
    """What a unit said itself, by step."""
    return {row["step"]: Said(row["step"], row["at"], row["by_named_person"], row["reason"]) for row in steps}
