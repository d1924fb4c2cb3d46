"""Requests made from an API's own description, with personal data planted in every text field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

CITIZEN_NUMBER = "11010519491231002X"
PHONE = "13912345678"
CANARY = f"证{CITIZEN_NUMBER}电话{PHONE}"
TRACES = (CITIZEN_NUMBER, CITIZEN_NUMBER.lower(), PHONE)

# What a field must look like to get past the first check, so that the others are reached too.
_VALID = {
    "uuid": "0198c1a0-0000-7000-8000-000000000001",
    "date": "2026-10-01",
    "date-time": "2026-10-01T08:00:00+08:00",
    "uri": "https://127.0.0.1/x",
}


@dataclass(frozen=True)
class Planted:
    """One request of one route."""

    method: str
    path: str
    body: Any


def requests_of(openapi: Mapping[str, Any]) -> Iterator[Planted]:
    """For every route: canaries in the path and query; and in its body, everywhere at once and one field at a time."""
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            address = _address(path, operation)
            schema = _body_schema(operation)
            if schema is None:
                yield Planted(method.upper(), address, None)
                continue
            for body in _bodies(schema, openapi):
                yield Planted(method.upper(), address, body)


def each_text_replaced(value: Any) -> Iterator[Any]:
    """The value again and again, each time with the canary in the place of another text."""
    if isinstance(value, str):
        yield CANARY
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from ({**value, name: planted} for planted in each_text_replaced(part))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from ([*value[:place], planted, *value[place + 1 :]] for planted in each_text_replaced(part))


def _address(path: str, operation: Mapping[str, Any]) -> str:
    query = []
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", quote(CANARY))
        elif parameter["in"] == "query":
            query.append(f"{parameter['name']}={quote(CANARY)}")
    return f"{path}?{'&'.join(query)}" if query else path


def _body_schema(operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {})
    found: Mapping[str, Any] | None = content.get("application/json", {}).get("schema")
    return found


def _bodies(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Any]:
    """The wildest body first; then a valid one in which one free text field after the other is the canary."""
    yield _fill(schema, root, ())
    for at in _free_texts(schema, root, ()):
        yield _fill(schema, root, at)


def _fill(schema: Mapping[str, Any], root: Mapping[str, Any], only: tuple[str, ...], at: tuple[str, ...] = ()) -> Any:
    """A value for the schema; canaries in every free text, or in the one at `only`."""
    schema = _deref(schema, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0] if only else CANARY
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            filled = {name: _fill(field, root, only, (*at, name)) for name, field in fields.items()}
            return filled or {CANARY: CANARY}
        case "array":
            return [_fill(schema.get("items", {}), root, only, at)]
        case "string":
            return _text(schema, only, at)
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
    return {"type": "activity", "kind": CANARY, "note": CANARY, "officer": {"badge": CANARY}, CANARY: CANARY}


def _text(schema: Mapping[str, Any], only: tuple[str, ...], at: tuple[str, ...]) -> str:
    if schema.get("format") in _VALID and only:
        return _VALID[schema["format"]]
    if "pattern" in schema and only:
        return {12: "411622100201", 64: "0" * 64}.get(_digits(schema["pattern"]), "411622")
    return CANARY if not only or at == only else "示例"


def _digits(pattern: str) -> int:
    return 12 if "12" in pattern else 64 if "64" in pattern else 6


def _free_texts(schema: Mapping[str, Any], root: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    schema = _deref(schema, root)
    if schema.get("type") == "object":
        for name, field in schema.get("properties", {}).items():
            yield from _free_texts(field, root, (*at, name))
    elif schema.get("type") == "array":
        yield from _free_texts(schema.get("items", {}), root, at)
    elif schema.get("type") == "string" and not {"enum", "const", "format"} & set(schema):
        yield at


def _deref(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references and take the first alternative."""
    while True:
        if ref := schema.get("$ref"):
            schema = root["components"]["schemas"][ref.rpartition("/")[2]]
        elif alternatives := schema.get("anyOf") or schema.get("oneOf"):
            schema = alternatives[0]
        else:
            return schema
