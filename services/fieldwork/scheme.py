"""The shape of fieldwork.yaml: what can be recorded, how presence counts, what is owed each month."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from services.fieldwork.rules.acts import ActingPost, Office
from services.fieldwork.rules.certificates import From
from services.fieldwork.rules.items import CODE
from shared.clock import shanghai_day
from shared.schemes.sourced import SchemeModel, Sourced
from shared.values import EARLIEST, LATEST

Unit = Literal["household", "person", "time", "item"]
Fault = Literal["missing", "unknown", "wrong_type", "not_allowed", "in_the_future", "too_early", "another_day"]
OfficerKind = Literal["officer", "auxiliary", "cadre", "volunteer", "mediator", "population_coordinator"]
Act = Literal["verify", "certify", "roster"]

# What an activity's quantity may be too: twelve digits, three of them decimals.
_MOST = 10**12 - 1
_NUMBER = r"[0-9]{1,12}|(?=[0-9.]{1,13}$)[0-9]+\.[0-9]{1,3}"
# Details are published as they came, so each has one form of a known length; whatever else a reader might take has not.
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_INSTANT = _DATE + r"T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"


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
    not_before: str | None = None
    """The field whose day does not come after this one's."""
    on_the_day: bool = False
    """It happens in the activity, so on its day."""

    @model_validator(mode="after")
    def _attributes_fit_the_type(self) -> "DetailField":
        if bool(self.values) != (self.type in ("enum", "enums")):
            raise ValueError("enum and enums have values, other types have none")
        if (self.not_before or self.on_the_day) and self.type not in ("date", "instant"):
            raise ValueError("only dates and instants are held against others")
        return self

    def moment(self, value: Any) -> datetime | None:
        """The instant, or the beginning of the day in Asia/Shanghai, that a well-formed value says."""
        if value is None or self.type not in ("date", "instant"):
            return None
        return datetime.fromisoformat(value if self.type == "instant" else f"{value}T00:00:00+08:00")

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
        chosen = set(value)
        return None if value and len(chosen) == len(value) and chosen <= self.values.keys() else "not_allowed"


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

    def time_faults(self, details: Mapping[str, Any], day: date, latest: datetime) -> list[DetailFault]:
        """List what well-formed details say of the future, of another day, or of before what comes before it."""
        return list(self._time_faults(details, day, latest))

    def _time_faults(self, details: Mapping[str, Any], day: date, latest: datetime) -> Iterator[DetailFault]:
        moments = {name: at for name, field in self.details.items() if (at := field.moment(details.get(name)))}
        for name, at in moments.items():
            field, before = self.details[name], moments.get(self.details[name].not_before or "")
            if at > latest:
                yield DetailFault(name, "in_the_future")
            elif field.on_the_day and shanghai_day(at) != day:
                yield DetailFault(name, "another_day")
            elif before and shanghai_day(at) < shanghai_day(before):
                yield DetailFault(name, "too_early")

    @model_validator(mode="after")
    def _companions_exist(self) -> "ActivityKind":
        if unknown := sorted({f.not_before for f in self.details.values() if f.not_before} - self.details.keys()):
            raise ValueError(f"not_before names unknown details: {', '.join(unknown)}")
        return self

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


class PostThatActs(SchemeModel):
    """A post held by belonging to an office; an `assigned` one only by an assignment of its name (P-001)."""

    label: str
    office: Office
    officer_kinds: tuple[OfficerKind, ...]
    assigned: bool = False


class Acts(SchemeModel):
    """Which posts verify, certify and roster, the lowest first: a verdict gives way to a post above its own (A-201)."""

    posts: dict[str, PostThatActs]
    verify: Sourced[tuple[str, ...]]
    certify: Sourced[tuple[str, ...]]
    roster: Sourced[tuple[str, ...]]
    certify_from: Sourced[From]

    @model_validator(mode="after")
    def _acts_name_posts(self) -> "Acts":
        named = {name for act in (self.verify, self.certify, self.roster) for name in act.value or ()}
        if unknown := sorted(named - self.posts.keys()):
            raise ValueError(f"acts name unknown posts: {', '.join(unknown)}")
        return self

    def by(self, act: Act) -> tuple[ActingPost, ...]:
        """The posts of an act in order; none while it is undecided."""
        named: Sourced[tuple[str, ...]] = getattr(self, act)
        return tuple(
            ActingPost(name, post.office, frozenset(post.officer_kinds), post.assigned)
            for name in named.value or ()
            for post in (self.posts[name],)
        )


class FieldworkScheme(SchemeModel):
    """fieldwork.yaml of a scheme; `late_after` is the number of days in which something is to be entered."""

    presence: Presence
    late_after: Sourced[Annotated[int, Field(ge=1)]]
    acts: Acts
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
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST
    if type_ == "num":
        return isinstance(value, (int, str)) and not isinstance(value, bool) and _fullmatch(_NUMBER, str(value))
    return isinstance(value, str) and _TEXTS[type_](value)


def _fullmatch(pattern: str, value: str) -> bool:
    return re.fullmatch(pattern, value) is not None


def _is_date(value: str) -> bool:
    return _fullmatch(_DATE, value) and _is_instant(f"{value}T00:00:00Z")


def _is_instant(value: str) -> bool:
    """An instant that names its offset, and that readers can tell in every time zone."""
    if not _fullmatch(_INSTANT, value):
        return False
    try:
        return EARLIEST <= datetime.fromisoformat(value) < LATEST
    except ValueError:
        return False


_TEXTS: Mapping[str, Callable[[str], bool]] = {
    "text": partial(_fullmatch, CODE),  # a code that no scheme lists: details travel in facts, which hold no free text
    "date": _is_date,
    "instant": _is_instant,
    "uuid": partial(_fullmatch, "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
}
