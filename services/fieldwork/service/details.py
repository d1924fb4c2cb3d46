"""Where an activity does not fit its kind: each field, and what belongs there."""

from __future__ import annotations

from datetime import date, datetime

from services.fieldwork.schemas.given import Activity
from services.fieldwork.scheme import ActivityKind, DetailFault, DetailField
from shared.web.validation import one_of, pointer

_UNITS = {"household": "户", "person": "人", "time": "次", "item": "件"}
_TYPES = {
    "text": "代码:小写字母开头,只含小写字母和下划线",
    "bool": " true 或 false",
    "int": "不小于零的整数",
    "num": "不小于零的整数,或写成文本的十进制数,如 “1.5”",
    "date": "日期,如 2026-10-01",
    "instant": "带秒和时区的时刻,如 2026-10-01T08:00:00+08:00",
    "uuid": " UUID",
}
_TIMES = {"in_the_future": "晚于当前时间,请核对", "another_day": "应与活动在同一天,请核对"}


def wrong_kind(labels: dict[str, str]) -> list[dict[str, str]]:
    """The kinds that there are, by code and label."""
    return [{"pointer": "/kind", "message": f"只能是 {_named(labels)} 之一"}]


def misfits(item: Activity, kind: ActivityKind) -> list[dict[str, str]]:
    """One entry for each field that the kind does not have, misses, or has in another form."""
    found = [_told(fault, kind) for fault in kind.faults(item.details)]
    if item.unit not in kind.units:
        found.append({"pointer": "/unit", "message": f"只能是 {_named({u: _UNITS[u] for u in kind.units})} 之一"})
    return found


def mistimed(item: Activity, kind: ActivityKind, day: date, latest: datetime) -> list[dict[str, str]]:
    """Dates and instants in the future, of another day than the activity, or before what comes before them."""
    return [_told(fault, kind) for fault in kind.time_faults(item.details, day, latest)]


def _told(fault: DetailFault, kind: ActivityKind) -> dict[str, str]:
    return {"pointer": pointer(["details", fault.field]), "message": _message(fault, kind)}


def _message(fault: DetailFault, kind: ActivityKind) -> str:
    if fault.fault == "unknown":
        return f"没有这个字段,可用的有 {one_of(kind.details)}" if kind.details else "此类工作没有明细,请删去"
    field = kind.details[fault.field]
    match fault.fault:
        case "missing":
            return f"缺少这一项,{_wanted(field)}"
        case "too_early":
            return f"早于 {field.not_before},请核对"
        case "in_the_future" | "another_day":
            return _TIMES[fault.fault]
    return _wanted(field)


def _wanted(field: DetailField) -> str:
    if not field.values:
        return f"应为{_TYPES[field.type]}"
    values = _named(field.values)
    return f"只能是 {values} 之一" if field.type == "enum" else f"应为数组,每项各不相同,只能是 {values} 之一"


def _named(values: dict[str, str]) -> str:
    return one_of(f"{code}({label})" for code, label in values.items())
