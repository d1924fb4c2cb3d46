"""A sheet as it is stored and published: written out once, with its sentences, so that reading it is only reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from services.scoring.repository.sheets import StoredSheet
from services.scoring.rules import LineResult, Notice, Period, Sheet, sentences
from services.scoring.rules.sentences import NOTICES, written
from services.scoring.service.rubrics import Scheme
from shared.contracts.envelope import Fact
from shared.contracts.scoring import SheetUpdatedV1
from shared.schemes import OpenPoint

Content = dict[str, Any]

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


def digest_of(scheme_version: str, period: Period, villages: Sequence[str], content: Content) -> str:
    """The same for the same result, whatever order its facts came in."""
    whole = [scheme_version, period.first, period.last, villages, content]
    return sha256(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)).hexdigest()


def updated(sheet: StoredSheet, before: StoredSheet | None) -> SheetUpdatedV1:
    """The fact of a changed sheet; each line tells which facts came to count, or ceased to, since the last revision."""
    old = {line["item"]: line for line in before.content["lines"]} if before else {}
    rules = [point["rule"] for point in sheet.content["withheld"]]
    # Validated once, as a whole: a part for each of some hundred facts would cost more than computing the sheet.
    return SheetUpdatedV1.model_validate(
        {
            "sheet_id": sheet.sheet_id,
            "who": {"type": "officer", "id": str(sheet.officer_id)},
            "period": {"from": sheet.period_from, "to": sheet.period_to},
            "scheme_version": sheet.scheme_version,
            "revision": sheet.revision,
            "total": sheet.total or 0,
            "state": "provisional",
            "grade": sheet.grade,
            "withheld": (TAKEN_OFF,) if sheet.total is None else tuple(dict.fromkeys(rules)),
            "vetoes": sheet.vetoes,
            "lines": [_changes(line, old.get(line["item"], {})) for line in sheet.content["lines"]],
        }
    )


def fact_of(sheet: StoredSheet, before: StoredSheet | None, now: Any) -> Fact[SheetUpdatedV1]:
    """The envelope: the result names scheme and version, and belongs to the division of the officer's villages."""
    return Fact.of(
        updated(sheet, before),
        time=now,
        actor="scoring",
        jurisdiction=common_division(sheet.villages),
        scheme=sheet.scheme,
        scheme_version=sheet.scheme_version,
    )


def common_division(villages: Sequence[str]) -> str:
    """The smallest division that holds all these villages."""
    first, *others = villages
    fitting = (first[:size] for size in _BOUNDARIES if all(village.startswith(first[:size]) for village in others))
    return next(fitting, first[:2])


def _changes(line: Content, old: Mapping[str, Any]) -> Content:
    counted_before = {counted[0] for counted in old.get("counted", ())}
    refused_before = {tuple(refused) for refused in old.get("not_counted", ())}
    return {
        "item": line["item"],
        "points": line["points"],
        "cap_used": line["cap_used"],
        "counted": [id_ for id_, _, _ in line["counted"] if id_ not in counted_before],
        "not_counted": [
            {"id": id_, "why": why} for id_, why in line["not_counted"] if (id_, why) not in refused_before
        ],
    }
