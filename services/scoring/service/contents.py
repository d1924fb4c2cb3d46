"""A sheet as it is stored and published: written out once, with its sentences, so that reading it is only reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from services.scoring.repository.sheets import StoredSheet
from services.scoring.rules import LineResult, Notice, Period, Sheet, sentences
from services.scoring.rules.sentences import NOTICES, written
from services.scoring.service.rubrics import Scheme
from shared.contracts.envelope import Fact
from shared.contracts.scoring import SheetUpdatedV1
from shared.reference.bindings import Use
from shared.schemes import OpenPoint

Content = dict[str, Any]


class Change(NamedTuple):
    """A fact that came to count in a line, or (with the reason) ceased to."""

    item: str
    id: str
    why: str | None


NOT_APPRAISED: Content = {"full": "0", "withheld": [], "warnings": [], "lines": []}
TAKEN_OFF = "C-45"
"""The rule behind a sheet of somebody who is no longer among those appraised."""

_BOUNDARIES = (12, 9, 6, 4, 2)


def content_of(sheet: Sheet, scheme: Scheme) -> Content:
    """Everything a reader sees of a sheet, as JSON values; points are strings."""
    return {
        "full": written(scheme.plan.rubric.full.get()),
        "withheld": [open_point(point) for point in sheet.withheld],
        "warnings": [_warning(notice) for notice in sheet.warnings],
        "lines": [_line(line) for line in sheet.lines],
    }


def open_point(point: OpenPoint) -> Content:
    """What nobody has decided yet, under which rule, and who has to."""
    return {"rule": point.source, "what": point.question, "who": point.who_decides}


def _warning(notice: Notice) -> Content:
    text = NOTICES.get(notice.code, notice.code)
    return {"code": notice.code, "item": notice.item, "text": text, "ids": list(map(str, notice.ids))}


def _line(line: LineResult) -> Content:
    return {
        "item": line.item,
        "title": line.title,
        "points": None if line.points is None else written(line.points),
        "full": None if line.full is None else written(line.full),
        "group": line.group,
        "status": line.status,
        "cap_used": line.cap_used,
        "floor_used": line.floor_used,
        "veto": line.veto,
        "rules": list(line.rules),
        "open": list(line.open),
        "sentences": sentences(line),
        "counted": [[str(counted.id), written(counted.points), counted.why] for counted in line.counted],
        "not_counted": [[str(refused.id), refused.why] for refused in line.not_counted],
    }


def digest_of(scheme_version: str, period: Period, villages: Sequence[str], content: Content, use: Use) -> str:
    """The same for the same result, whatever order its facts came in."""
    whole = [scheme_version, period.first, period.last, villages, content]
    if use == "shadow":
        whole.append(use)
    return sha256(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)).hexdigest()


MOST_CHANGES = 500
"""What one fact tells: some 50 KB, whatever an officer's month holds. The rest follows in the next revisions."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A sheet that came out differently, and how it was before."""

    computed: StoredSheet
    before: StoredSheet | None
    parts: list[list[Change]]

    @classmethod
    def of(cls, computed: StoredSheet, before: StoredSheet | None) -> Revision:
        """The changes are found once, in parts that one fact each can tell."""
        changes = list(_differences(computed, before))
        starts = range(0, max(len(changes), 1), MOST_CHANGES)
        return cls(computed, before, [changes[start : start + MOST_CHANGES] for start in starts])

    @property
    def sheet(self) -> StoredSheet:
        """The sheet as it is stored, with the number of the last fact that tells of it."""
        return replace(self.computed, revision=self._first + len(self.parts) - 1)

    def facts(self, now: datetime) -> list[Fact[SheetUpdatedV1]]:
        """The facts to publish, each with the whole result and a part of the changes; none of a shadow's sheet.

        When it was no shadow before, readers are told that what they know no longer holds.
        """
        if self.computed.shadow:
            return [self._ended(self._first, now)] if self.before and not self.before.shadow else []
        return [self._fact(number, part, now) for number, part in enumerate(self.parts, self._first)]

    @property
    def _first(self) -> int:
        return (self.before.revision if self.before else 0) + 1

    def _ended(self, number: int, now: datetime) -> Fact[SheetUpdatedV1]:
        nothing = replace(self.computed, total=None, grade=None, vetoes=(), content=NOT_APPRAISED)
        return self._envelope(_updated(nothing, number, ()), now)

    def _fact(self, number: int, part: Sequence[Change], now: datetime) -> Fact[SheetUpdatedV1]:
        return self._envelope(_updated(self.computed, number, part), now)

    def _envelope(self, data: SheetUpdatedV1, now: datetime) -> Fact[SheetUpdatedV1]:
        """The result names scheme and version, and belongs to the division of the officer's villages."""
        return Fact.of(
            data,
            time=now,
            actor="scoring",
            jurisdiction=common_division(self.computed.villages),
            scheme=self.computed.scheme,
            scheme_version=self.computed.scheme_version,
        )


def _updated(sheet: StoredSheet, revision: int, part: Sequence[Change]) -> SheetUpdatedV1:
    rules = [point["rule"] for point in sheet.content["withheld"]]
    # Validated once, as a whole: a part for each of some hundred facts would cost more than computing the sheet.
    return SheetUpdatedV1.model_validate(
        {
            "sheet_id": sheet.sheet_id,
            "who": {"type": "officer", "id": str(sheet.officer_id)},
            "period": {"from": sheet.period_from, "to": sheet.period_to},
            "scheme_version": sheet.scheme_version,
            "revision": revision,
            "total": sheet.total or 0,
            "state": "provisional",
            "grade": sheet.grade,
            "withheld": (TAKEN_OFF,) if sheet.total is None else tuple(dict.fromkeys(rules)),
            "vetoes": sheet.vetoes,
            "lines": [_told(line, part) for line in sheet.content["lines"]],
        }
    )


def common_division(villages: Sequence[str]) -> str:
    """The smallest division that holds all these villages."""
    first, *others = villages
    fitting = (first[:size] for size in _BOUNDARIES if all(village.startswith(first[:size]) for village in others))
    return next(fitting, first[:2])


def _told(line: Content, part: Sequence[Change]) -> Content:
    own = [change for change in part if change.item == line["item"]]
    return {
        "item": line["item"],
        "points": line["points"],
        "cap_used": line["cap_used"],
        "counted": [change.id for change in own if change.why is None],
        "not_counted": [{"id": change.id, "why": change.why} for change in own if change.why is not None],
    }


def _differences(sheet: StoredSheet, before: StoredSheet | None) -> Iterator[Change]:
    """Which facts came to count, or ceased to, since the last revision, line by line."""
    told = before.content["lines"] if before and not before.shadow else []
    old = {line["item"]: line for line in told}
    for line in sheet.content["lines"]:
        yield from _changes(line, old.get(line["item"], {}))


def _changes(line: Content, old: Mapping[str, Any]) -> Iterator[Change]:
    counted_before = {counted[0] for counted in old.get("counted", ())}
    refused_before = {tuple(refused) for refused in old.get("not_counted", ())}
    for id_, _, _ in line["counted"]:
        if id_ not in counted_before:
            yield Change(line["item"], id_, None)
    for id_, why in line["not_counted"]:
        if (id_, why) not in refused_before:
            yield Change(line["item"], id_, why)
