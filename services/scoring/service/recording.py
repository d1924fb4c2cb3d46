"""What the facts say, into the ledger: each batch written as a whole, everybody it concerns marked for scoring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar
from uuid import UUID

from services.scoring.repository import ledger
from services.scoring.repository.ledger import Recorded, Said, Source, State
from services.scoring.repository.marks import hold_assignments, open_months
from shared.database.unit import Unit

__all__ = ["Recorded", "Said", "Source", "State", "Word", "record", "record_groups", "say"]

R = TypeVar("R", Recorded, Said)
Word = Literal["judged", "closed"]
"""What can be said of an entry."""


async def record(unit: Unit, source: Source, said: Iterable[Recorded]) -> None:
    """Write what happened; a month nothing was known of before is opened."""
    if rows := _newest(said):
        await hold_assignments(unit.connection)
        await open_months(unit.connection, {row.day for row in rows})
        await ledger.record(unit.connection, source, rows)


async def say(unit: Unit, source: Source, part: Word, said: Iterable[Said]) -> None:
    """Write what was decided about entries, known here or not yet."""
    if rows := _newest(said):
        await hold_assignments(unit.connection)
        await ledger.say(unit.connection, source, part, rows)


async def record_groups(unit: Unit, groups: Iterable[Recorded], states: Iterable[State]) -> None:
    """Write groups and their states. A group lasts; that it was formed years ago opens no month of then."""
    if rows := _newest(groups):
        await hold_assignments(unit.connection)
        await ledger.record(unit.connection, "group", rows)
        await ledger.tell(unit.connection, _last_of_day(states))


def _newest(rows: Iterable[R]) -> Sequence[R]:
    """One statement cannot write a row twice: the last word of the batch about each entry."""
    newest: dict[UUID, R] = {}
    for row in rows:
        if row.entry_id not in newest or newest[row.entry_id].rev < row.rev:
            newest[row.entry_id] = row
    return list(newest.values())


def _last_of_day(states: Iterable[State]) -> Sequence[State]:
    in_order = sorted(states, key=lambda state: state.rev)
    return list({(state.group_id, state.told_on): state for state in in_order}.values())
