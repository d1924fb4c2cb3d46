"""What is wrong with an activity's details, told to people: where, and what belongs there."""

from __future__ import annotations

from datetime import date, datetime

from services.fieldwork.schemas.given import Activity
from services.fieldwork.scheme import ActivityKind, DetailFault, DetailField

NAMED = 10
"""So many allowed values are named at most."""

UNITS = {"household": "户", "person": "人", "time": "次", "item": "件"}
_TYPES = {
    "text": "代码(小写字母和下划线)",
    "enums": "方案所列代码的数组",
    "bool": "true 或 false",
    "int": "不小于 0 的整数",
    "num": '整数,或写成文本的十进制数,如 "1.5"',
    "date": "日期,如 2026-10-01",
    "instant": "带秒和时区的时刻,如 2026-10-01T08:00:00+08:00",
    "uuid": "UUID",
}


def misfits(item: Activity, kind: ActivityKind) -> list[dict[str, str]]:
    """Fields that are missing, unknown or not of their type, and a unit the kind does not have."""
    found = [_told(fault, kind) for fault in kind.faults(item.details)]
    if item.unit not in kind.units:
        found.append({"pointer": "/unit", "message": f"可用:{_listed({unit: UNITS[unit] for unit in kind.units})}"})
    return found


def mistimed(item: Activity, kind: ActivityKind, day: date, latest: datetime) -> list[dict[str, str]]:
    """Dates and instants in the future, of another day than the activity, or before what comes before them."""
    return [_told(fault, kind) for fault in kind.time_faults(item.details, day, latest)]


def _told(fault: DetailFault, kind: ActivityKind) -> dict[str, str]:
    field = kind.details.get(fault.field)
    if field is None:  # its name is not repeated: it may be anything
        fields = "、".join(list(kind.details)[:NAMED])
        return {"pointer": "/details", "message": f"有方案中没有的字段,请删去;可用:{fields or '无'}"}
    return {"pointer": f"/details/{fault.field}", "message": _message(fault, field)}


def _message(fault: DetailFault, field: DetailField) -> str:
    match fault.fault:
        case "missing":
            return "缺少这一项,请补上"
        case "in_the_future":
            return "晚于当前时间,请核对"
        case "another_day":
            return "应与活动在同一天,请核对"
        case "too_early":
            return f"早于 {field.not_before},请核对"
        case "not_allowed":
            return f"可用:{_listed(field.values)}"
        case _:
            return f"应为{_TYPES.get(field.type, '方案所列代码')}"


def _listed(values: dict[str, str]) -> str:
    named = "、".join(f"{code}({label})" for code, label in list(values.items())[:NAMED])
    return named if len(values) <= NAMED else f"{named} 等 {len(values)} 项,全部见方案 fieldwork.yaml"
