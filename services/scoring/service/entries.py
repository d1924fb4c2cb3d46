"""Ledger rows as entries of the evaluator: the facts of one thing merged, whatever order they came in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from services.scoring.repository.evidence import Posting
from services.scoring.rules import FACTS, Entry, Period, spells
from shared.clock import SHANGHAI

CONNECTED = frozenset(FACTS.values()) - {
    # No service publishes these yet: their lines are shown as not connected, never as zero work.
    "fieldwork.knowledge_tested",
    "fieldwork.finding_recorded",
    "personnel.conduct_decided",
}

_ACKNOWLEDGED = ("received", "read", "accepted", "transferred")


class OwnWork:
    """Tells work inside an officer's postings from work outside (C-39); derived whenever a sheet is computed."""

    def __init__(self, postings: Iterable[Posting]) -> None:
        self._stays: dict[str, list[tuple[date, date]]] = {}
        for posting in postings:
            self._stays.setdefault(posting.village, []).append((posting.first, posting.last or date.max))

    def holds(self, village: str | None, day: date) -> bool:
        """Whether it was his; what names no village always is."""
        if village is None:
            return True
        return any(first <= day <= last for first, last in self._stays.get(village, ()))


_OF_NOBODY = OwnWork(())


def entry_of(row: Any, own: OwnWork) -> Entry | None:
    """The row as an entry; None while only a verdict on it is known."""
    if row.recorded is None:
        return None
    recorded = orjson.loads(row.recorded)
    judged = orjson.loads(row.judged) if row.judged else {}
    if row.source == "activity":
        return _activity(row, recorded, judged, own)
    if row.source == "report":
        return _report(row, recorded, judged, orjson.loads(row.closed) if row.closed else {}, own)
    return _plain(row, recorded, own)


def entries_of_village(row: Any) -> Iterator[Entry]:
    """What belongs to a village, for everybody posted there: a group once for each state it was in."""
    entry = entry_of(row, _OF_NOBODY)
    if entry and row.source == "group":
        told = [(date.fromisoformat(day), state) for day, state in orjson.loads(row.states)]
        for state, days in spells(Period(row.day, row.until), told):
            yield entry._replace(state=state, day=days.first, until=days.last, occurred_at=_midnight(days.first))
    elif entry:
        yield entry


def matter_of_village(row: Any) -> Entry | None:
    """What somebody did about a village's matter, whether he was posted there or not."""
    entry = entry_of(row, _OF_NOBODY)
    return entry._replace(own=True) if entry else None


def facts_behind(row: Any) -> list[UUID]:
    """The ids of the facts an entry was merged from."""
    return list(row.told) or [
        UUID(orjson.loads(part)["fact"]) for part in (row.recorded, row.judged, row.closed) if part
    ]


def _activity(row: Any, recorded: dict[str, Any], judged: dict[str, Any], own: OwnWork) -> Entry:
    state = judged.get("verdict", "recorded")
    return Entry(
        id=row.entry_id,
        kind=f"activity:{recorded['kind']}",
        state=state,
        officer_id=row.officer_id,
        village=row.village,
        day=row.day,
        occurred_at=datetime.fromisoformat(recorded["at"]),
        # The verifier may have found fewer than were reported.
        quantity=Decimal(judged.get("quantity") or recorded["quantity"]),
        matter_id=row.matter_id,
        target=recorded["target"],
        attributes=recorded | judged,
        verified=state == "verified",
        own=own.holds(row.village, row.day),
    )


def _report(row: Any, filed: dict[str, Any], said: dict[str, Any], closed: dict[str, Any], own: OwnWork) -> Entry:
    attributes = {**filed, **closed, "cooperated": filed["reporter"] in closed.get("cooperated", ())}
    return Entry(
        id=row.entry_id,
        kind="report",
        state=_report_state(said, closed),
        officer_id=row.officer_id,
        village=row.village,
        day=row.day,
        occurred_at=datetime.fromisoformat(filed["reported_at"]),
        matter_id=row.matter_id,
        # It has a severity from the moment a rule escalated it, long before its station says a word.
        attributes=attributes | {"escalated": filed["severity"] is not None or bool(said or closed)},
        own=own.holds(row.village, row.day),
    )


def _report_state(said: dict[str, Any], closed: dict[str, Any]) -> str:
    if closed:
        return "withdrawn" if closed["outcome"] == "withdrawn" else "closed"
    if said:
        return "acknowledged" if said["step"] in _ACKNOWLEDGED else str(said["step"])
    return "filed"


def _plain(row: Any, recorded: dict[str, Any], own: OwnWork) -> Entry:
    return Entry(
        id=row.entry_id,
        kind=row.source,
        state=recorded.get("state", "recorded"),
        officer_id=row.officer_id,
        village=row.village,
        day=row.day,
        occurred_at=_midnight(row.day),
        quantity=Decimal(recorded["count"]) if row.source == "finding" else Decimal(1),
        matter_id=row.matter_id,
        attributes=recorded,
        own=row.officer_id is None or own.holds(row.village, row.day),
        until=row.until,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)


def of_window(entries: Sequence[Entry], first: date, last: date) -> list[Entry]:
    """What a sheet of a period rests on: the entries of its window and all facts of their matters (C-49)."""
    inside = [entry for entry in entries if entry.day <= last and (entry.until or entry.day) >= first]
    matters = {entry.matter_id for entry in inside if entry.matter_id}
    if not matters:
        return inside
    known = {entry.id for entry in inside}
    return inside + [entry for entry in entries if entry.matter_id in matters and entry.id not in known]
