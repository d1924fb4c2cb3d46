"""What the evaluator answers: lines whose points add up to the total, each with the facts behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

from shared.schemes.sourced import OpenPoint

Number = Decimal | int
Status = Literal["computed", "withheld", "not_connected"]


class Counted(NamedTuple):
    """A fact and what it is worth before caps over several months; `why` names the rule of the line it met."""

    id: UUID
    points: Decimal
    why: str


class NotCounted(NamedTuple):
    """A fact that belongs to a line and changes nothing; `why` is a reason code."""

    id: UUID
    why: str


@dataclass(frozen=True, slots=True)
class Figure:
    """The numbers behind one sentence; `template` is the scheme's own wording, empty where it has none."""

    part: str
    code: str
    numbers: Mapping[str, Number]
    template: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a reader must see although it changes no point: a perverse reading (C-11), a conflict."""

    code: str
    item: str
    ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class LineResult:
    """One line; `points` is None unless computed, `full` None where a group holds the points."""

    item: str
    title: str
    points: Decimal | None
    full: Decimal | None
    group: str | None = None
    status: Status = "computed"
    cap_used: bool = False
    floor_used: bool = False
    veto: bool = False
    rules: tuple[str, ...] = ()
    counted: tuple[Counted, ...] = ()
    not_counted: tuple[NotCounted, ...] = ()
    figures: tuple[Figure, ...] = ()
    open: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """The result: `total` is the sum of all computed lines, `withheld` what must be decided before a grade."""

    total: Decimal
    lines: tuple[LineResult, ...]
    grade: str | None
    withheld: tuple[OpenPoint, ...]
    vetoes: tuple[str, ...]
    warnings: tuple[Notice, ...]


@dataclass(slots=True)
class Outcome:
    """What one part found, still to be limited by its line.

    `open` names open rules that decide over points, `lacking` what nobody has told that does: a year of the calendar,
    or (`unmeasured`) a measurement.
    """

    points: Decimal = Decimal(0)
    counted: list[Counted] = field(default_factory=list)
    not_counted: list[NotCounted] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    warnings: list[tuple[str, tuple[UUID, ...]]] = field(default_factory=list)
    cap_used: bool = False
