"""Deciding a waiting report and telling the responsible station: the same story for every source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.intel.repository.deliveries import Deliveries
from services.intel.repository.known import Known
from services.intel.repository.orders import TOLD, Orders
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.rules import escalation
from services.intel.rules.matters import REPEATED, KnownOrder, KnownReport, Telling, Way, is_entered, way
from services.intel.service import facts
from services.intel.service.following import AT_ONCE as ADOPTED
from services.intel.service.following import Following
from services.intel.service.ordering import new_order, update_of
from services.intel.service.playbooks import Applying, Playbooks
from shared.clock import shanghai_day
from shared.contracts.envelope import Fact
from shared.database.unit import Unit
from shared.reference.bindings import Binding, known_bindings

AGAIN = timedelta(seconds=5)
AT_ONCE = 50
DUPLICATES_TOLD = 20
"""So many possible duplicates a fact names: the newest, however many there are."""

_CHANGING = (
    "report_id",
    "classification",
    "state",
    "station",
    "scheme",
    "scheme_version",
    "severity",
    "colour",
    "cause",
    "rule_id",
    "reading",
    "due",
    "next_try_at",
    "order_id",
    "order_version",
    "hop",
)
_STRICTNESS = ("open", "internal", "restricted")


@dataclass
class _Matter:
    """What is known of a matter; grows while its reports are routed."""

    reports: dict[UUID, KnownReport] = field(default_factory=dict)
    orders: dict[UUID, dict[str, Any]] = field(default_factory=dict)


@dataclass
class _Move:
    """A report on its way: its row as it will be, and what follows from that."""

    report: dict[str, Any]
    order: dict[str, Any] | None = None
    answered_by: Row | None = None
    updates: list[Row] = field(default_factory=list)
    facts: list[Fact[Any]] = field(default_factory=list)
    notes: list[Row] = field(default_factory=list)


class Routing:
    """Reports that wait for a decision or for a station."""

    def __init__(self, unit: Unit, playbooks: Playbooks) -> None:
        self.unit = unit
        self.playbooks = playbooks
        self.reports = Reports(unit.connection)
        self.orders = Orders(unit.connection)
        self.known = Known(unit.connection)

    async def route(self, waiting: Sequence[Row]) -> None:
        """Decide each by its scheme and order it to its station; what is not known yet is tried again."""
        if not waiting:
            return
        matters = await self._matters({row["matter_id"] for row in waiting})
        bindings = await known_bindings(self.unit.connection)
        units = await self.known.units_of({row["reporter"] for row in waiting})
        moves = [
            self._move(row, matters[row["matter_id"]], self._applying(row, bindings), units.get(row["reporter"]))
            for row in waiting
        ]
        await self._write(moves, [order for matter in matters.values() for order in matter.orders.values()])

    async def _matters(self, ids: set[UUID]) -> dict[UUID, _Matter]:
        await self.reports.hold_matters(ids)
        matters = {id: _Matter() for id in ids}
        for order in await self.orders.lock_of_matters(ids):
            matters[order["matter_id"]].orders[order["order_id"]] = dict(order)
        for row in await self.reports.of_matters(ids):
            matters[row["matter_id"]].reports[row["report_id"]] = _known(row, row["closed_at"])
        return matters

    def _applying(self, row: Row, bindings: Sequence[Binding]) -> Applying | None:
        return self.playbooks.at(bindings, row["village"], shanghai_day(row["reported_at"]))

    async def _write(self, moves: Sequence[_Move], orders: Sequence[Row]) -> None:
        await self.orders.add([move.order for move in moves if move.order], self.unit.now)
        await self.reports.change([{name: move.report[name] for name in _CHANGING} for move in moves])
        await self.orders.tell(orders)
        await Deliveries(self.unit.connection).add([news for move in moves for news in move.updates], self.unit.now)
        await self.reports.note(*(note for move in moves for note in move.notes))
        self.unit.outbox.add(*(fact for move in moves for fact in move.facts))
        following = Following(self.unit)
        for move in moves:
            if move.answered_by:
                await following.follow(move.answered_by)
            if move.order:
                await self._adopt(move.order, following)

    async def _adopt(self, order: Row, following: Following) -> None:
        """What the station has of the matter on its list is answered by the order, too."""
        waiting = await self.reports.on_record(order["matter_id"], order["station"], ADOPTED)
        await following.join(waiting, order, "joined")

    def _move(self, row: Row, matter: _Matter, applying: Applying | None, unit: UUID | None) -> _Move:
        """The row's next step; `matter` then knows of it too, for the other rows of it."""
        move = _Move(dict(row) | {"next_try_at": self.unit.now + AGAIN})
        others = [other for id, other in matter.reports.items() if id != row["report_id"]]
        if row["state"] == "recorded" and applying:
            self._decide(move, others, applying)
        if move.report["state"] == "filed" or row["state"] == "awaiting_station":
            severities = list(applying.playbook.severities) if applying else []
            self._send(move, row, matter, severities, unit)
        matter.reports[row["report_id"]] = _known(move.report, None)
        return move

    def _decide(self, move: _Move, others: Sequence[KnownReport], applying: Applying) -> None:
        report, playbook = move.report, applying.playbook
        if report["source"] == "activity" and is_entered(_telling(report), others):
            report |= {"state": REPEATED, "next_try_at": None}
            self._note(move, REPEATED)
            return
        kind = playbook.report_kinds.get(report["kind"])
        own = kind.classification if kind else "internal"
        decision = escalation.decide(
            report["kind"], report["category"], report["signs"], report["reported_at"], playbook
        )
        report |= {
            "state": "filed",
            "scheme": applying.scheme,
            "scheme_version": applying.version,
            "classification": max(own, report["classification"], key=_STRICTNESS.index),
        }
        in_time = escalation.in_time(report["noticed_at"], report["reported_at"], playbook)
        if decision:
            report |= {name: getattr(decision, name) for name in decision.__slots__}
            self._note(move, "escalated", code=decision.rule_id)
        same = [other.report_id for other in others if other.stands][-DUPLICATES_TOLD:]
        move.facts.append(facts.filed(report, in_time, same))

    def _send(self, move: _Move, before: Row, matter: _Matter, severities: Sequence[str], unit: UUID | None) -> None:
        """To the station's orders when escalated, else to its list; no news of the matter is swallowed (C-49)."""
        report = move.report
        known = [_order(order) for order in matter.orders.values()]
        found = way(_telling(report), known, severities)
        for order_id, news in found.told:
            self._update(move, matter.orders[order_id], news)
        match found.kind:
            case "record":
                report |= {"state": "filed", "station": report["found_station"], "next_try_at": None}
                self._note(move, "on_record", to_org=report["station"])
            case "wait":
                report["state"] = "awaiting_station"
                if before["state"] != "awaiting_station":
                    self._note(move, "awaiting_station")
            case "order":
                order = new_order(report, report["found_station"], unit)
                matter.orders[order["order_id"]] = order | {"state": "ordered", "closed_at": None}
                move.order = order
                self._under(move, order, "ordered")
            case _:
                self._join(move, matter.orders[_id(found)], found)

    def _join(self, move: _Move, order: dict[str, Any], found: Way) -> None:
        """The matter's order answers it, now or when it is closed; one that is closed does at once."""
        behind = found.kind == "answered"
        self._under(move, order, "joined", order.get("version", 0) - behind)
        move.answered_by = order if behind else None

    def _under(self, move: _Move, order: Row, what: str, version: int = 0) -> None:
        report = move.report
        report |= {"state": "ordered", "station": order["station"], "next_try_at": None}
        report |= {"order_id": order["order_id"], "order_version": version, "hop": report["hop"] + 1}
        move.facts += facts.of_hop(report, order, self.unit.now)
        self._note(move, what, to_org=order["station"])

    def _update(self, move: _Move, order: dict[str, Any], news: Sequence[str]) -> None:
        """The station learns what it does not know, in an event of its own."""
        report = move.report
        order |= {
            "told_severity": report["severity"] if "graver" in news else order["told_severity"],
            "told_signs": sorted({*order["told_signs"], *report["signs"]}),
            "told_categories": sorted({*order["told_categories"], report["category"]}),
            "told_villages": sorted({*order["told_villages"], report["village"]}),
        }
        move.updates.append(update_of(order, report["report_id"], news))
        self._note(move, "updated", to_org=order["station"], code="+".join(news))

    def _note(self, move: _Move, what: str, to_org: UUID | None = None, code: str | None = None) -> None:
        entry = {"report_id": move.report["report_id"], "at": self.unit.now, "what": what}
        move.notes.append(entry | {"to_org": to_org, "code": code})


def _id(found: Way) -> UUID:
    assert found.order is not None  # whatever joins or is answered names it
    return found.order


def _telling(report: Row) -> Telling:
    return Telling(
        village=report["village"],
        station=report["found_station"],
        severity=report["severity"],
        category=report["category"],
        signs=frozenset(report["signs"]),
        has_summary=report["summary"] is not None,
        noticed_at=report["noticed_at"],
    )


def _order(row: Row) -> KnownOrder:
    severity, signs, categories, villages = (row[name] for name in TOLD)
    told = (severity, frozenset(signs), frozenset(categories), frozenset(villages))
    return KnownOrder(row["order_id"], row["station"], row["state"], *told, row["closed_at"])


def _known(row: Row, closed_at: Any) -> KnownReport:
    place = (row["village"], row["category"], frozenset(row["signs"]))
    return KnownReport(row["report_id"], row["source"], row["state"], *place, closed_at)
