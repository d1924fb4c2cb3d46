"""What people are told about what they sent: in Chinese, without patterns and words for programs."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core.core_schema import ErrorType

from shared.contracts.registry import SERVICES
from shared.web.shapes import SHAPES
from shared.web.validation import fault_list
from tests.architecture.test_services import _module, _settings

LIMITS = "min_length max_length gt ge lt le multiple_of max_digits decimal_places whole_digits expected_version"
CONTEXT: dict[str, Any] = {
    **dict.fromkeys(LIMITS.split(), 3),
    "pattern": "^[a-z]+$",
    "expected": ", ".join(f"'value_{n}'" for n in range(30)) + " or 'last'",
    "expected_tags": "'visit', 'patrol'",
    "expected_schemes": "'https'",
    "error": "an English sentence of the parser",
}


def _request_models(service: str) -> Iterator[type[BaseModel]]:
    package = _module(service, "schemas")
    inside = pkgutil.walk_packages(getattr(package, "__path__", ()), f"{package.__name__}.")
    names = [package.__name__, *(found.name for found in inside)]
    for name in names:
        for kind in vars(importlib.import_module(name)).values():
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind is not BaseModel:
                yield kind


def _patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else ():
        yield from _patterns(part)


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_of_a_request_has_words(service: str, tmp_path: Path) -> None:
    found = set(_patterns(_module(service, "app").create_app(_settings(service, tmp_path)).openapi()))
    for kind in _request_models(service):
        found |= set(_patterns(kind.model_json_schema()))
    # Decimals in answers tell their form by a pattern of pydantic's own, which no request is held against.
    assert {pattern for pattern in found if not pattern.startswith("^(?!^[-+.]*$)")} <= SHAPES.keys()


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_every_kind_of_error_is_told_in_chinese(kind: str) -> None:
    [fault] = fault_list([{"type": kind, "loc": ("body", "items", 0, "note"), "msg": "English", "ctx": CONTEXT}])
    assert fault["pointer"] == "/items/0/note"
    assert re.search("[\u4e00-\u9fff]", fault["message"])
    assert not re.search(r"[\^$\\{}\[\]]|English|None", fault["message"])


def test_of_many_values_ten_are_told() -> None:
    [fault] = fault_list([{"type": "enum", "loc": ("kind",), "msg": "", "ctx": CONTEXT}])
    assert fault["message"] == f"只能是 {'、'.join(f'value_{n}' for n in range(10))}等 31 种 之一"


@pytest.mark.parametrize("shape", SHAPES.values())
def test_shapes_hold_no_pattern(shape: str) -> None:
    assert not re.search(r"[\^$\\{}\[\]|]", shape)
