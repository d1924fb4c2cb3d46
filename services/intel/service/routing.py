"""Deciding a waiting report and sending it to the responsible station: the same story for every source."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.intel.repository.orders import Orders
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.rules import escalation
from services.intel.rules.matters import REPEATED, KnownReport, is_entered, is_ordered
from services.intel.service import facts
from services.intel.service.playbooks import Playbooks
from shared.contracts.envelope import Fact
from shared.database.unit import Unit
from shared.ids import new_id

AGAIN = timedelta(seconds=5)
AT_ONCE = 50

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
)
_STRICTNESS = ("open", "internal", "restricted")


@dataclass
class _Move:
    """A report on its way: its row as it will be, and what follows from that."""

    report: dict[str, Any]
    order: dict[str, Any] | None = None
    facts: list[Fact[Any]] = field(default_factory=list)
    notes: list[Row] = field(default_factory=list)


class Routing:
    """Reports that wait for a decision or for a station."""

    def __init__(self, unit: Unit, playbooks: Playbooks) -> None:
        self.unit = unit
        self.playbooks = playbooks
        self.reports = Reports(unit.connection)
        self.orders = Orders(unit.connection)

    async def route(self, waiting: Sequence[Row]) -> None:
        """Decide each by its scheme and order it to its station; what is not known yet is tried again."""
        if not waiting:
            return
        matters = {row["matter_id"] for row in waiting}
        await self.reports.hold_matters(matters)
        known = _by_matter(await self.reports.of_matters(matters))
        moves = [self._move(row, known[row["matter_id"]]) for row in waiting]
        await self.reports.change([{name: move.report[name] for name in _CHANGING} for move in moves])
        await self.orders.add([move.order for move in moves if move.order], self.unit.now)
        await self.reports.note(*(note for move in moves for note in move.notes))
        self.unit.outbox.add(*(fact for move in moves for fact in move.facts))

    def _move(self, row: Row, of_matter: dict[UUID, KnownReport]) -> _Move:
        """The row's next step; `of_matter` then knows of it too, for the other rows of its matter."""
        move = _Move(dict(row) | {"next_try_at": self.unit.now + AGAIN})
        itself = of_matter.pop(row["report_id"])
        if row["state"] == "recorded":
            self._decide(move, of_matter.values())
        if move.report["state"] == "filed" or row["state"] == "awaiting_station":
            self._send(move, row, of_matter.values())
        of_matter[row["report_id"]] = replace(itself, state=move.report["state"], ordered=move.order is not None)
        return move

    def _decide(self, move: _Move, others: Collection[KnownReport]) -> None:
        report = move.report
        if report["source"] == "activity" and is_entered(report["noticed_at"], others):
            report |= {"state": REPEATED, "next_try_at": None}
            self._note(move, REPEATED)
            return
        loaded = self.playbooks.of(report["found_scheme"])
        if loaded is None:
            return
        kind = loaded.value.report_kinds.get(report["kind"])
        own = kind.classification if kind else "internal"
        decision = escalation.decide(
            report["kind"], report["category"], report["signs"], report["reported_at"], loaded.value
        )
        report |= {
            "state": "filed",
            "scheme": report["found_scheme"],
            "scheme_version": loaded.version,
            "classification": max(own, report["classification"], key=_STRICTNESS.index),
        }
        in_time = escalation.in_time(report["noticed_at"], report["reported_at"], loaded.value)
        if decision:
            report |= {name: getattr(decision, name) for name in decision.__slots__}
            self._note(move, "escalated", code=decision.rule_id)
        same = [other.report_id for other in others if other.stands]
        move.facts.append(facts.filed(report, in_time, same))

    def _send(self, move: _Move, before: Row, others: Collection[KnownReport]) -> None:
        """To the station's orders when escalated, else to its work list."""
        report = move.report
        station = report["found_station"]
        # C-49: a station that has the matter in hand gets no second order for it.
        in_hand = is_ordered(report["noticed_at"], others)
        if report["severity"] is None or in_hand:
            report |= {"state": "filed", "station": station, "next_try_at": None}
            self._note(move, "on_record", to_org=station, code="matter_ordered" if in_hand else None)
        elif station is None:
            report["state"] = "awaiting_station"
            if before["state"] != "awaiting_station":
                self._note(move, "awaiting_station")
        else:
            report |= {"state": "ordered", "station": station, "next_try_at": None}
            self._order(move)

    def _order(self, move: _Move) -> None:
        report, now = move.report, self.unit.now
        move.order = {
            "order_id": new_id(),
            "report_id": report["report_id"],
            "station": report["station"],
            "hop": 1,
            "due": report["due"],
            "created_at": now,
        }
        move.facts += [facts.escalated(report, report["station"], now), facts.routed(report, move.order, now)]
        self._note(move, "ordered", to_org=report["station"])

    def _note(self, move: _Move, what: str, to_org: UUID | None = None, code: str | None = None) -> None:
        entry = {"report_id": move.report["report_id"], "at": self.unit.now, "what": what}
        move.notes.append(entry | {"to_org": to_org, "code": code})


def _by_matter(rows: Sequence[Row]) -> dict[UUID, dict[UUID, KnownReport]]:
    matters: dict[UUID, dict[UUID, KnownReport]] = {}
    for row in rows:
        known = KnownReport(row["report_id"], row["source"], row["state"], row["ordered"], row["closed_at"])
        matters.setdefault(row["matter_id"], {})[known.report_id] = known
    return matters
