"""The five ways of counting facts, and a sixth that lets a reading choose between them."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from string import Formatter
from typing import Annotated, Literal

from pydantic import Discriminator, Field, model_validator

from services.scoring.rubric.selecting import Refs
from shared.schemes.sourced import SchemeModel, Sourced

# Numbers a sentence shown to an officer may name.
NUMBERS = {"done", "required", "short", "points", "count", "base", "periods"}


class Alternative(SchemeModel):
    """One way to earn a point: every fact of `all` and no fact of `none` is known of the matter (C-49)."""

    all: tuple[str, ...] = Field(min_length=1)
    none: tuple[str, ...] = ()


class _Part(SchemeModel):
    say: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sentences_name_known_numbers(self) -> "_Part":
        for template in self.say.values():
            names = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
            if names - NUMBERS:
                raise ValueError(f"a sentence can only name {', '.join(sorted(NUMBERS))}: {template}")
        return self

    def refs(self) -> Refs:
        """Yield each reading used with the choices it must offer."""
        yield from ()

    def facts(self) -> Iterator[str]:
        """Yield the name of each selector used."""
        yield from ()


Key = Literal["target", "village", "day", "month"]


class Deduct(_Part):
    """Each occurrence costs points."""

    method: Literal["deduct"]
    each: Sourced[Decimal]
    of: tuple[str, ...]
    once_per: Sourced[tuple[Key, ...]] | None = None

    def facts(self) -> Iterator[str]:
        """Yield the name of each selector used."""
        yield from self.of


class Shortfall(_Part):
    """Each unit missing from a periodic quota costs points."""

    method: Literal["shortfall"]
    minimum: Sourced[Decimal]
    each: Sourced[Decimal]
    months: Sourced[int]
    per: Literal["officer", "village"]
    of: tuple[str, ...]
    count: Literal["occurrences", "quantity"] = "occurrences"
    once_per: Sourced[tuple[Key, ...]] | None = None
    unit: str | None = None
    partial: str

    @model_validator(mode="after")
    def _windows_fill_the_year(self) -> "Shortfall":
        # Windows are counted from January; those that do not fill the year would end in a month that there is not.
        if self.months.value is not None and (self.months.value < 1 or 12 % self.months.value):
            raise ValueError("months is one of 1, 2, 3, 4, 6, 12")
        return self

    def facts(self) -> Iterator[str]:
        """Yield the name of each selector used."""
        yield from self.of

    def refs(self) -> Refs:
        """Yield each reading used with the choices it must offer."""
        yield self.partial, ("prorated", "whole")
        if self.unit:
            yield self.unit, ("household", "person", "either")


class Step(SchemeModel):
    """One level: reached when each of its facts is known."""

    points: Sourced[Decimal]
    when: tuple[str, ...] = ()


class Level(_Part):
    """The first level reached in each village gives its points."""

    method: Literal["level"]
    levels: dict[str, Step]
    villages: str
    latest: bool = False

    def facts(self) -> Iterator[str]:
        """Yield the name of each selector used."""
        for step in self.levels.values():
            yield from step.when

    def refs(self) -> Refs:
        """Yield each reading used with the choices it must offer."""
        yield self.villages, ("mean", "min")


class Gate(SchemeModel):
    """Another part that must have scored before this one may, if the reading says so."""

    part: str
    reading: str


class Add(_Part):
    """Each matter or occurrence earns points."""

    method: Literal["add"]
    each: Sourced[Decimal]
    earns: dict[str, Alternative]
    once_per: Sourced[tuple[Key, ...]] | None = None
    credit: str | None = None
    gate: Gate | None = None

    def facts(self) -> Iterator[str]:
        """Yield the name of each selector used."""
        yield from _facts_of(self.earns)

    def refs(self) -> Refs:
        """Yield each reading used with the choices it must offer."""
        if self.credit:
            yield self.credit, ("occurrence", "appraisal")
        if self.gate:
            yield self.gate.reading, ("subrule", "item")


class BaseAdd(_Part):
    """A base for a month certified quiet, points for each matter dealt with in a month that was not."""

    method: Literal["base_add"]
    base: Sourced[Decimal]
    certificate: str
    each: Sourced[Decimal]
    matters: tuple[str, ...]
    earns: dict[str, Alternative]
    monthly_cap: Sourced[Decimal]
    base_mode: str
    villages: str
    aggregator: str

    def facts(self) -> Iterator[str]:
        """Yield the name of each selector used."""
        yield self.certificate
        yield from self.matters
        yield from _facts_of(self.earns)

    def refs(self) -> Refs:
        """Yield each reading used with the choices it must offer."""
        yield self.base_mode, ("exclusive", "floor", "additive")
        yield self.villages, ("mean", "min")
        yield self.aggregator, ("mean", "min", "last", "sum_capped")


def _facts_of(earns: Mapping[str, Alternative]) -> Iterator[str]:
    for alternative in earns.values():
        yield from alternative.all
        yield from alternative.none


Counting = Annotated[Deduct | Shortfall | Level | Add | BaseAdd, Discriminator("method")]


class Choice(SchemeModel):
    """A part whose way of counting itself depends on a reading."""

    method: Literal["choice"]
    reading: str
    readings: dict[str, Counting]

    def facts(self) -> Iterator[str]:
        """Yield the name of each selector used."""
        for part in self.readings.values():
            yield from part.facts()

    def refs(self) -> Refs:
        """Yield each reading used with the choices it must offer."""
        yield self.reading, tuple(self.readings)
        for part in self.readings.values():
            yield from part.refs()


Part = Annotated[Deduct | Shortfall | Level | Add | BaseAdd | Choice, Discriminator("method")]
