"""What is published stays readable: golden bytes still parse, schemas only grow, nothing personal slips in."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import pytest
from pydantic import Field, ValidationError, create_model

from shared.contracts.base import Code12, FactData, Label, Part
from shared.contracts.envelope import Place, Undecodable, read_attributes, read_fact
from shared.contracts.personnel import DivisionV1, SchemeBindingV1
from shared.contracts.registry import BY_TYPE, COMPACTED, FACTS, SERVICES, TOPICS, topics_for
from shared.contracts.schemas import example_file, incompatibilities, schema_file, schema_of

KINDS = [pytest.param(fact.data, id=fact.data.TYPE) for fact in FACTS]


@pytest.mark.parametrize("kind", KINDS)
def test_the_golden_bytes_still_parse_and_mean_the_same(kind: type[FactData]) -> None:
    golden = json.loads(example_file(kind).read_text())
    parsed = kind.model_validate_json(example_file(kind).read_bytes())
    again = kind.model_validate_json(parsed.model_dump_json(exclude_none=True))
    assert again == parsed
    assert set(json.loads(parsed.model_dump_json())) == set(golden), "an example shows every field"


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_in_the_repository_is_the_one_of_the_class(kind: type[FactData]) -> None:
    assert json.loads(schema_file(kind).read_text()) == schema_of(kind), "run python -m shared.contracts.schemas"


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_a_reader_does_not_know_is_ignored(kind: type[FactData]) -> None:
    golden = json.loads(example_file(kind).read_text())
    assert kind.model_validate({**golden, "new_field": 1}) == kind.model_validate(golden)


class _Step(Part):
    name: Label
    count: int


class _Before(FactData):
    """One field of each sort, so that each can be changed."""

    TYPE: ClassVar[str] = "test.thing.v1"
    TOPIC: ClassVar[str] = "test.thing"
    KEY: ClassVar[str] = "id"

    id: UUID
    day: date
    title: Label
    share: Annotated[float, Field(ge=0, le=1)]
    kind: Literal["a", "b"]
    only: Literal["a"]
    owner: Label | None = None
    steps: tuple[_Step, ...] = ()
    extra: dict[str, str] = Field(default_factory=dict)


def _changed(**fields: tuple[Any, Any]) -> list[str]:
    """What the check says about the same fact with these fields."""
    after = create_model("_After", __base__=_Before, **fields)  # type: ignore[call-overload]  # its fields are data
    return incompatibilities(schema_of(_Before), schema_of(after))


class _Renamed(_Step):
    name: Annotated[str, Field(max_length=100)]


class _Longer(_Step):
    note: Label | None = None


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"title": (ClassVar[str], "")}, "title is gone"),
        ({"owner": (Label | None, ...)}, "owner is now required"),
        ({"fresh": (Label, ...)}, "fresh is now required"),
        ({"title": (Label, "")}, "title may now be absent"),
        ({"title": (Label | None, ...)}, "title has other alternatives"),
        ({"owner": (Label, "")}, "owner has other alternatives"),
        ({"owner": (Literal["x"] | None, None)}, "owner is now limited to choices"),
        ({"title": (Literal["x", "y"], ...)}, "title is now limited to choices"),
        ({"title": (Literal["x"], ...)}, "title is now limited to choices"),
        ({"kind": (Label, ...)}, "kind is no longer limited to choices"),
        ({"kind": (Literal["a", "c"], ...)}, "kind no longer allows b"),
        ({"kind": (Literal["a"], ...)}, "kind no longer allows b"),
        ({"only": (Literal["b"], ...)}, "only no longer allows a"),
        ({"title": (int, ...)}, "title has another type"),
        ({"day": (datetime, ...)}, "day has another format"),
        ({"title": (Annotated[str, Field(max_length=100)], ...)}, "title has another maxLength"),
        ({"title": (str, ...)}, "title has another maxLength"),
        ({"title": (Annotated[Label, Field(min_length=1)], ...)}, "title has another minLength"),
        ({"title": (Code12, ...)}, "title has another pattern"),
        ({"share": (Annotated[float, Field(ge=0.5, le=1)], ...)}, "share has another minimum"),
        ({"share": (Annotated[float, Field(ge=0, le=0.5)], ...)}, "share has another maximum"),
        ({"share": (Annotated[float, Field(gt=0, le=1)], ...)}, "share has another exclusiveMinimum"),
        ({"share": (Annotated[float, Field(ge=0, lt=1)], ...)}, "share has another exclusiveMaximum"),
        ({"share": (Annotated[float, Field(ge=0, le=1, multiple_of=0.5)], ...)}, "share has another multipleOf"),
        ({"steps": (Annotated[tuple[_Step, ...], Field(min_length=1)], ())}, "steps has another minItems"),
        ({"steps": (Annotated[tuple[_Step, ...], Field(max_length=9)], ())}, "steps has another maxItems"),
        ({"steps": (tuple[_Renamed, ...], ())}, "steps[].name has another maxLength"),
        ({"extra": (dict[str, int], {})}, "extra has another additionalProperties"),
    ],
)
def test_what_breaks_readers_or_old_facts_is_found(fields: dict[str, tuple[Any, Any]], complaint: str) -> None:
    assert complaint in _changed(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"fresh": (Label | None, None)},
        {"kind": (Literal["a", "b", "c"], ...)},
        {"only": (Literal["a", "b"], ...)},
        {"steps": (tuple[_Longer, ...], ())},
        {"title": (Annotated[Label, Field(description="said in other words")], ...)},
    ],
)
def test_adding_is_allowed(fields: dict[str, tuple[Any, Any]]) -> None:
    assert _changed(**fields) == []


@pytest.mark.parametrize("kind", [DivisionV1, SchemeBindingV1])
def test_a_code_has_ascii_digits_only(kind: type[FactData]) -> None:
    """Other digits are numbers for Python, and for PostgreSQL they are not."""
    golden = example_file(kind).read_text()
    assert "411622" in golden
    with pytest.raises(ValidationError, match="string_pattern_mismatch"):
        kind.model_validate_json(golden.replace("411622", "４１1622"))


def test_the_registry_is_whole() -> None:
    assert len(BY_TYPE) == len(FACTS)
    assert {fact.publisher for fact in FACTS} == set(SERVICES)
    assert set(TOPICS) >= COMPACTED
    for fact in FACTS:
        assert fact.publisher not in fact.readers or fact.publisher == "scoring"
        assert fact.data.TYPE.startswith(f"{fact.publisher}.")


def test_no_fact_has_room_for_free_text_or_numbers_of_people() -> None:
    """Labels are short; the only personal fields are an officer's name and badge."""
    forbidden = {"phone", "citizen", "address", "note", "summary", "text", "content", "photo", "location"}
    for fact in FACTS:
        names = set(fact.data.model_fields)
        assert not {name for name in names if any(word in name for word in forbidden)}
        assert fact.data.TYPE == "personnel.officer.v1" or not names & {"badge"}


def test_every_reader_has_topics_to_read() -> None:
    assert {service for service in SERVICES if topics_for(service)} == {"fieldwork", "scoring", "intel"}


def test_a_header_without_a_value_is_no_fact_of_ours() -> None:
    with pytest.raises(Undecodable, match="no value"):
        read_attributes([("other", None), ("ce_id", None)])


@pytest.mark.parametrize("source", ["/intel", None])
def test_a_fact_of_another_publisher_is_refused(source: str | None) -> None:
    golden = example_file(DivisionV1).read_bytes()
    said = {"ce_type": DivisionV1.TYPE, **({"ce_source": source} if source else {})}
    place = Place(DivisionV1.TYPE, UUID(int=1), 1, None, 1)
    with pytest.raises(Undecodable, match="publisher"):
        read_fact(said, place, golden, {DivisionV1.TYPE: DivisionV1})
