"""Readings of unclear rules, and selectors that say which facts a rule means."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from shared.schemes.sourced import SchemeModel, Sourced

# Names of readings with the choices their user knows.
Refs = Iterator[tuple[str, tuple[str, ...]]]


class Reading(Sourced[str]):
    """How an unclear rule is read: one of the named `choices`."""

    choices: tuple[str, ...]

    @model_validator(mode="after")
    def _value_is_a_choice(self) -> "Reading":
        if self.value is not None and self.value not in self.choices:
            raise ValueError(f"the reading must be one of {', '.join(self.choices)}")
        return self


class Check(SchemeModel):
    """A condition on an attribute beyond being equal to a value or one of several."""

    contains: str | None = None
    other_than: str | None = None
    at_least: int | None = None
    given: bool | None = None

    @model_validator(mode="after")
    def _one_test(self) -> "Check":
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("a condition is exactly one of contains, other_than, at_least, given")
        return self


Condition = bool | int | str | tuple[str, ...] | Check
Conditions = dict[str, Condition]


class Clock(SchemeModel):
    """One end of a deadline: a reading chooses which attribute holds it."""

    reading: str
    at: dict[str, str]


class Within(SchemeModel):
    """A deadline between two attributes of one fact, in days."""

    days: Sourced[int]
    day_type: str
    start: Clock
    end: Clock

    def refs(self) -> Refs:
        """Yield each reading used with the choices it must offer."""
        yield self.day_type, ("calendar", "working")
        yield self.start.reading, tuple(self.start.at)
        yield self.end.reading, tuple(self.end.at)


EntryKind = Annotated[
    str,
    StringConstraints(
        pattern=r"^(activity:[a-z_]+|presence_day|attendance|knowledge|finding|nothing_certified|group|conduct|report)$"
    ),
]


class Selector(SchemeModel):
    """Which facts are meant: `where` says what belongs here, `require` what it needs to count (reason → conditions).

    `in_time` asks more of a report: to have come within the rubric's `report_hours`.
    """

    kind: EntryKind
    where: Conditions = Field(default_factory=dict)
    require: dict[str, Conditions] = Field(default_factory=dict)
    in_time: bool = False
    within: Within | None = None
