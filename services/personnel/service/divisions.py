"""Importing the division CSV as published: staged, checked as a whole, switched at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from services.personnel.errors import BadDivisionFile
from services.personnel.repository.imports import DivisionStaging, Staged
from services.personnel.rules import divisions
from services.personnel.rules.division_files import SHAPES, Fault, FileKind, Row, read_rows
from services.personnel.schemas.answers import ImportReport, KeptName, NamedDivision
from shared.contracts.envelope import Fact
from shared.contracts.personnel import DivisionV1
from shared.database.unit import Unit
from shared.reference.states import from_columns
from shared.security.audit import record_audit
from shared.security.jurisdiction import normal_division
from shared.security.principal import Principal

CHUNK = 5000
LISTED = 100
"""So many divisions that a person should look at are listed."""
SHOWN = 20
"""So many bad lines are named; the reader of the message mends the file, not the message."""

Progress = Callable[[str, int], None]
"""Told the step (`staged`, `published`) and how many rows it has done by now."""


@dataclass
class _Tally:
    rows: int = 0
    placeholders: int = 0
    faulty: int = 0
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, *faults: Fault) -> None:
        self.faulty += len(faults)
        self.faults += faults[: SHOWN - len(self.faults)]


@dataclass(frozen=True)
class DivisionImport:
    """One file in one transaction: all of it or nothing."""

    unit: Unit
    by: Principal
    progress: Progress = lambda step, done: None

    async def run(self, lines: Iterable[str], kind: FileKind, valid_from: date) -> ImportReport:
        """Bring the file into force from a day; raises BadDivisionFile, then nothing is kept."""
        staging, level = DivisionStaging(self.unit.connection), SHAPES[kind].level
        await staging.open()
        tally = await self._stage(staging, lines, kind)
        await self._check(staging, tally)
        missing = await staging.missing(level, valid_from)
        switched = await staging.switch(level, valid_from)
        kept = await staging.kept()
        await self._publish(staging)
        await record_audit(self.unit, self.by, "personnel.division.import", f"{kind}: {tally.rows} rows")
        staged = tally.rows - tally.placeholders
        return ImportReport(
            rows=tally.rows,
            created=switched.created,
            changed=switched.changed,
            unchanged=staged - switched.created - switched.changed,
            placeholders=tally.placeholders,
            kept_by_hand=len(kept),
            kept=[KeptName.model_validate(dict(row)) for row in kept[:LISTED]],
            not_in_file=len(missing),
            missing=[NamedDivision.model_validate(dict(row)) for row in missing[:LISTED]],
        )

    async def _stage(self, staging: DivisionStaging, lines: Iterable[str], kind: FileKind) -> _Tally:
        tally = _Tally()
        rows = _staged(read_rows(lines, kind), SHAPES[kind].level, tally)
        while chunk := list(islice(rows, CHUNK)):
            await staging.add(chunk)
            self.progress("staged", tally.rows)
        return tally

    async def _check(self, staging: DivisionStaging, tally: _Tally) -> None:
        """What only the whole file, or what is known already, can tell."""
        if not tally.faulty:
            repeated = await staging.repeated(SHOWN)
            orphans = await staging.orphans(SHOWN)
            abroad = await staging.abroad(self.by.division, SHOWN)
            tally.refuse(*(Fault(r["line"], f"code 与第 {r['first_line']} 行重复") for r in repeated))
            tally.refuse(*(Fault(r["line"], f"上级区划 {r['parent']} 未登记,请先导入上级文件") for r in orphans))
            tally.refuse(*(Fault(r["line"], "不在本辖区") for r in abroad))
        if tally.faulty:
            errors = [{"line": f.line, "reason": f.reason} for f in sorted(tally.faults, key=lambda f: f.line)]
            first = f"第 {errors[0]['line']} 行:{errors[0]['reason']}"
            raise BadDivisionFile(f"{first}。整个文件未导入,请改正 errors 中各行后重新提交", errors=errors)

    async def _publish(self, staging: DivisionStaging) -> None:
        """In chunks, each flushed at once: 620,000 facts would not fit into memory."""
        after, done = "", 0
        while rows := await staging.touched(after, CHUNK):
            for row in rows:
                self.unit.outbox.add(self._fact(from_columns(DivisionV1, row), row["jurisdiction"]))
            await self.unit.outbox.flush(self.unit.connection)
            after, done = rows[-1]["code"], done + len(rows)
            self.progress("published", done)

    def _fact(self, state: DivisionV1, jurisdiction: str) -> Fact[DivisionV1]:
        actor = self.by.officer_id or self.by.subject
        return Fact.of(state, time=self.unit.now, actor=actor, jurisdiction=jurisdiction)


def _staged(found: Iterable[Row | Fault], level: divisions.Level, tally: _Tally) -> Iterator[Staged]:
    for row in found:
        tally.rows += 1
        if isinstance(row, Fault):
            tally.refuse(row)
        elif row.is_placeholder:
            tally.placeholders += 1
        elif not tally.faulty:
            kind = divisions.village_kind(row.code, level)
            yield Staged(row.line, row.code, row.name, row.parent, kind, normal_division(row.code))
