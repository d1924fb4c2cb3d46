"""The shape of fieldwork.yaml: what can be recorded, how presence counts, what is owed each month."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from shared.schemes.sourced import SchemeModel, Sourced

Unit = Literal["household", "person", "time", "item"]
Fault = Literal["missing", "unknown", "wrong_type", "not_allowed"]


@dataclass(frozen=True, slots=True)
class DetailFault:
    """What is wrong with one field of an activity's details."""

    field: str
    fault: Fault


class DetailField(SchemeModel):
    """One field of an activity's details; `values` are the allowed codes with their labels."""

    type: Literal["text", "enum", "enums", "bool", "int", "num", "date", "instant", "uuid"]
    values: dict[str, str] = Field(default_factory=dict)
    optional: bool = False

    @model_validator(mode="after")
    def _values_belong_to_enums(self) -> "DetailField":
        if bool(self.values) != (self.type in ("enum", "enums")):
            raise ValueError("enum and enums have values, other types have none")
        return self

    def fault(self, value: Any) -> Fault | None:
        """Say what is wrong with a value as it came in JSON."""
        if self.type == "enum":
            return None if isinstance(value, str) and value in self.values else "not_allowed"
        if self.type == "enums":
            return self._list_fault(value)
        return None if _is(self.type, value) else "wrong_type"

    def _list_fault(self, value: Any) -> Fault | None:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return "wrong_type"
        return None if value and set(value) <= self.values.keys() else "not_allowed"


class ActivityKind(SchemeModel):
    """A kind of work; `restricted` kinds need an officer present when an auxiliary records them (C-31)."""

    label: str
    rules: tuple[str, ...]
    units: tuple[Unit, ...]
    details: dict[str, DetailField] = Field(default_factory=dict)
    restricted: bool = False
    classification: Literal["open", "internal", "restricted"] = "internal"

    def faults(self, details: Mapping[str, Any]) -> list[DetailFault]:
        """List what is wrong with an activity's details; null stands for absent."""
        return list(self._faults(details))

    def _faults(self, details: Mapping[str, Any]) -> Iterator[DetailFault]:
        for name in details.keys() - self.details.keys():
            yield DetailFault(name, "unknown")
        for name, field in self.details.items():
            value = details.get(name)
            if value is None:
                if not field.optional:
                    yield DetailFault(name, "missing")
            elif fault := field.fault(value):
                yield DetailFault(name, fault)


class Presence(SchemeModel):
    """When a day counts as spent in the village: by arrival alone, or by minutes (C-02)."""

    day_counts_by: Sourced[Literal["arrival", "minutes"]]
    day_minutes: Sourced[int] | None = None

    @model_validator(mode="after")
    def _minutes_need_a_figure(self) -> "Presence":
        if (self.day_counts_by.value == "minutes") != (self.day_minutes is not None):
            raise ValueError("day_minutes is given exactly when days count by minutes")
        return self


class Quota(SchemeModel):
    """What is owed in each window of so many months (F-001)."""

    label: str
    metric: Literal["presence_days", "quantity", "occurrences"]
    kind: str | None = None
    where: dict[str, str] = Field(default_factory=dict)
    minimum: Sourced[Decimal]
    months: Sourced[int]
    per: Literal["officer", "village"]


class FieldworkScheme(SchemeModel):
    """fieldwork.yaml of a scheme."""

    presence: Presence
    quotas: dict[str, Quota]
    kinds: dict[str, ActivityKind]

    @model_validator(mode="after")
    def _quotas_name_kinds(self) -> "FieldworkScheme":
        unknown = sorted({quota.kind for quota in self.quotas.values() if quota.kind} - self.kinds.keys())
        if unknown:
            raise ValueError(f"quotas name unknown kinds: {', '.join(unknown)}")
        return self


def _is(type_: str, value: Any) -> bool:
    if type_ == "bool":
        return isinstance(value, bool)
    if type_ == "int":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if type_ == "num":
        return not isinstance(value, bool) and isinstance(value, (int, str)) and _reads(Decimal, value)
    if not isinstance(value, str):
        return False
    readers: Mapping[str, Callable[[str], Any]] = {"date": date.fromisoformat, "instant": _instant, "uuid": UUID}
    return _reads(readers[type_], value) if type_ in readers else 0 < len(value) <= 60


def _reads(read: Callable[[Any], Any], value: Any) -> bool:
    try:
        read(value)
    except (ValueError, InvalidOperation):
        return False
    return True


def _instant(value: str) -> datetime:
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError("an instant names its offset")
    return instant
