"""What a rubric asks of details against what fieldwork declares of them; each service reads its own part alone."""

from collections.abc import Iterator, Mapping

from services.fieldwork.scheme import ActivityKind, DetailField, FieldworkScheme
from services.scoring.rubric import Check, Condition, Conditions, Rubric, Selector
from shared.schemes import Finding, SchemeError
from shared.schemes.documents import Document
from shared.schemes.loader import validate

Path = tuple[str, ...]


def faults_of_details(documents: Mapping[str, Document]) -> Iterator[Finding]:
    """Every condition on a detail that its kind does not have, or whose values it cannot have."""
    if not {"fieldwork", "scoring"} <= documents.keys():
        return
    try:
        rubric = validate(documents["scoring"], Rubric)
        kinds = validate(documents["fieldwork"], FieldworkScheme).kinds
    except SchemeError:
        return  # told by the check of each part
    for name, selector in rubric.facts.items():
        kind = kinds.get(selector.kind.partition(":")[2])
        if kind:
            for path, fault in _faults(selector, kind):
                yield documents["scoring"].finding(("facts", name, *path), f"{name}: {fault}")


def _faults(selector: Selector, kind: ActivityKind) -> Iterator[tuple[Path, str]]:
    groups: dict[Path, Conditions] = {
        ("where",): selector.where,
        **{("require", why): met for why, met in selector.require.items()},
    }
    for place, conditions in groups.items():
        for path, condition in conditions.items():
            field = _field(path, kind)
            if field is None:
                yield (*place, path), f"there is no {path} of this kind"
            elif isinstance(field, DetailField) and not _fits(condition, field):
                yield (*place, path), f"{path} is {field.type} and never such a value"
    yield from _deadlines(selector, kind)


def _deadlines(selector: Selector, kind: ActivityKind) -> Iterator[tuple[Path, str]]:
    clocks = {"start": selector.within.start, "end": selector.within.end} if selector.within else {}
    for end, clock in clocks.items():
        for reading, path in clock.at.items():
            field = _field(path, kind)
            if not isinstance(field, DetailField) or field.type not in ("date", "instant"):
                yield ("within", end, "at", reading), f"{path} is no date or instant of this kind"


def _field(path: str, kind: ActivityKind) -> DetailField | str | None:
    """The declared detail; the path itself where it is none, nothing where it is not declared."""
    first, _, name = path.partition(".")
    return kind.details.get(name) if first == "details" else path


def _fits(condition: Condition, field: DetailField) -> bool:
    if not isinstance(condition, Check):
        wanted = condition if isinstance(condition, tuple) else (condition,)
        return field.type != "enums" and not any(field.fault(value) for value in wanted)
    if condition.at_least is not None:
        return field.type in ("int", "num")
    if condition.contains is not None:
        return field.type == "enums" and condition.contains in field.values
    return condition.other_than is None or (field.type != "enums" and field.fault(condition.other_than) is None)
