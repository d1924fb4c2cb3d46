"""Where an activity does not fit its kind: each field, and what belongs there."""

from __future__ import annotations

from services.fieldwork.schemas.given import Activity
from services.fieldwork.scheme import ActivityKind, DetailFault, DetailField
from shared.web.validation import one_of, pointer

_TYPES = {
    "text": "代码:小写字母开头,只含小写字母和下划线",
    "bool": " true 或 false",
    "int": "不小于零的整数",
    "num": "不小于零的整数,或写成文本的十进制数,如 “1.5”",
    "date": "日期,如 2026-10-01",
    "instant": "带时区的时刻,如 2026-10-01T08:00:00+08:00",
    "uuid": " UUID",
}


def misfits(item: Activity, kind: ActivityKind) -> list[dict[str, str]]:
    """One entry for each field that the kind does not have, misses, or has in another form."""
    found = [
        {"pointer": pointer(["details", fault.field]), "message": _message(fault, kind)}
        for fault in kind.faults(item.details)
    ]
    if item.unit not in kind.units:
        found.append({"pointer": "/unit", "message": f"应为 {'、'.join(kind.units)} 之一"})
    return found


def _message(fault: DetailFault, kind: ActivityKind) -> str:
    if fault.fault == "unknown":
        return f"没有这个字段,可用的有 {one_of(kind.details)}" if kind.details else "此类工作没有明细,请删去"
    field = kind.details[fault.field]
    return f"缺少这一项,{_wanted(field)}" if fault.fault == "missing" else _wanted(field)


def _wanted(field: DetailField) -> str:
    if not field.values:
        return f"应为{_TYPES[field.type]}"
    values = one_of(f"{code}({label})" for code, label in field.values.items())
    return f"只能是 {values} 之一" if field.type == "enum" else f"应为数组,每项各不相同,只能是 {values} 之一"
