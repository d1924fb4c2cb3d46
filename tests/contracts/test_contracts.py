"""What is published stays readable: golden bytes still parse, schemas only grow, nothing personal slips in."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from shared.contracts.base import FactData
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


def _change(**edits: Any) -> dict[str, Any]:
    schema = copy.deepcopy(schema_of(BY_TYPE["intel.report_closed.v1"].data))
    for edit in edits.values():
        edit(schema)
    return schema


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda s: s["properties"].pop("truth"), "truth is gone"),
        (lambda s: s["required"].append("cooperated"), "cooperated is now required"),
        (lambda s: s["properties"]["outcome"]["enum"].remove("withdrawn"), "no longer allows withdrawn"),
        (lambda s: s["properties"]["record_seen"].update(type="string"), "another type"),
        (lambda s: s["properties"]["revision"].update(minimum=1), "another minimum"),
    ],
)
def test_taking_back_or_narrowing_is_found(edit: Any, complaint: str) -> None:
    old = schema_of(BY_TYPE["intel.report_closed.v1"].data)
    found = incompatibilities(old, _change(edit=edit))
    assert any(complaint in problem for problem in found), found


def test_adding_is_allowed() -> None:
    old = schema_of(BY_TYPE["intel.report_closed.v1"].data)
    new = _change(
        optional=lambda s: s["properties"].update(satisfied={"type": "string"}),
        choice=lambda s: s["properties"]["outcome"]["enum"].append("merged"),
    )
    assert incompatibilities(old, new) == []


def test_the_registry_is_whole() -> None:
    assert len(BY_TYPE) == len(FACTS)
    assert {fact.publisher for fact in FACTS} == set(SERVICES)
    assert set(TOPICS) >= COMPACTED
    for fact in FACTS:
        assert fact.publisher not in fact.readers or fact.publisher == "scoring"
        assert fact.data.TYPE.startswith(f"{fact.publisher}.")


def test_no_fact_has_room_for_free_text_or_numbers_of_people() -> None:
    """Labels are short; the only personal fields are the ones facts.md marks (an officer's name and badge)."""
    forbidden = {"phone", "citizen", "address", "note", "summary", "text", "content", "photo", "location"}
    for fact in FACTS:
        names = set(fact.data.model_fields)
        assert not {name for name in names if any(word in name for word in forbidden)}
        assert fact.data.TYPE == "personnel.officer.v1" or not names & {"badge"}


def test_every_reader_has_topics_to_read() -> None:
    assert {service for service in SERVICES if topics_for(service)} == {"fieldwork", "scoring", "intel"}
