"""The whole of scoring.yaml: readings, facts, lines, shared points, grades."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from pydantic import Field, model_validator

from services.scoring.rubric.parts import Add, Part
from services.scoring.rubric.selecting import Reading, Refs, Selector
from shared.schemes.sourced import SchemeModel, Sourced


class Veto(SchemeModel):
    """Deductions of one line that fail the whole appraisal."""

    deducted: Sourced[Decimal]
    over: str
    grade: str


class Line(SchemeModel):
    """One numbered item of the rubric; `full` is also its cap."""

    title: str
    full: Sourced[Decimal] | None = None
    starts_full: bool = False
    outside: bool = False
    group: str | None = None
    floor: Sourced[Decimal] | None = None
    veto: Veto | None = None
    parts: dict[str, Part]


class Group(SchemeModel):
    """Lines that share their points."""

    title: str
    full: Sourced[Decimal]
    starts_full: bool = False
    floor: str | None = None


class Band(SchemeModel):
    """A grade and the least total it takes; no `least` is the lowest band."""

    label: str
    least: Decimal | None = None


class Grades(SchemeModel):
    """How a total becomes a grade (S-121)."""

    bands: Sourced[tuple[Band, ...]]
    supervising_weight: Sourced[Decimal]


class Rubric(SchemeModel):
    """scoring.yaml: everything the evaluator knows of a scheme.

    `appraised` says which posts are scored (P-001); `report_hours` what 及时 means (I-201).
    """

    title: str
    full: Sourced[Decimal]
    measure_period: str
    readings: dict[str, Reading]
    appraised: dict[str, Sourced[bool]] = Field(default_factory=dict)
    report_hours: Sourced[int] | None = None
    facts: dict[str, Selector]
    groups: dict[str, Group] = Field(default_factory=dict)
    lines: dict[str, Line]
    grades: Grades
    reasons: dict[str, str]

    @model_validator(mode="after")
    def _holds_together(self) -> "Rubric":
        faults = [*self._unknown_names(), *self._wrong_readings(), *self._wrong_total()]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def choice(self, reading: str) -> str | None:
        """Return how a rule is read, None while nobody decided."""
        return self.readings[reading].value

    def source(self, reading: str) -> str:
        """Name the rule that a reading reads."""
        return self.readings[reading].source

    def appraises(self, post: str) -> bool:
        """True unless the post is decided not to be scored; while that is open its sheets get no grade."""
        decided = self.appraised.get(post)
        return decided is None or decided.value is not False

    def refs(self) -> Refs:
        """Yield each reading used anywhere with the choices it must offer."""
        yield self.measure_period, ("month", "quarter", "half_year", "year")
        for group in self.groups.values():
            if group.floor:
                yield group.floor, ("zero", "none")
        for line in self.lines.values():
            if line.veto:
                yield line.veto.over, ("measure_period",)
            for part in line.parts.values():
                yield from part.refs()
        for selector in self.facts.values():
            if selector.within:
                yield from selector.within.refs()

    def _wrong_readings(self) -> Iterator[str]:
        for reading, offered in self.refs():
            if reading not in self.readings:
                yield f"there is no reading {reading}"
            elif set(self.readings[reading].choices) - set(offered):
                yield f"reading {reading} can only offer {', '.join(offered)}"

    def _unknown_names(self) -> Iterator[str]:
        for item, line in self.lines.items():
            if line.group and line.group not in self.groups:
                yield f"{item}: there is no group {line.group}"
            yield from (f"{item}: there is no fact {name}" for name in _missing(line, self.facts))
            yield from (f"{item}: there is no part {name} before the one it gates" for name in _missing_gates(line))
        for name, selector in self.facts.items():
            yield from (f"{name}: reason {why} has no text" for why in selector.require if why not in self.reasons)
            if selector.in_time and self.report_hours is None:
                yield f"{name}: there are no report_hours to be in time by"

    def _wrong_total(self) -> Iterator[str]:
        inside = [line.full for line in self.lines.values() if line.full and not line.group and not line.outside]
        shared = [group.full for group in self.groups.values()]
        total = sum((full.get() for full in (*inside, *shared)), Decimal(0))
        if total != self.full.get():
            yield f"the items add up to {total}, not to {self.full.get()}"


def _missing(line: Line, facts: Mapping[str, Selector]) -> Sequence[str]:
    return sorted({name for part in line.parts.values() for name in part.facts() if name not in facts})


def _missing_gates(line: Line) -> Sequence[str]:
    """Name the gates that are not among the parts before them."""
    names = list(line.parts)
    gates = ((name, part.gate.part) for name, part in line.parts.items() if isinstance(part, Add) and part.gate)
    return [gate for name, gate in gates if gate not in names[: names.index(name)]]
