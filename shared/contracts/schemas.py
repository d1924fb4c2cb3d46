"""JSON Schemas of the facts, kept in the repository; they may grow but never take back or narrow what readers rely on.

`python -m shared.contracts.schemas` writes them anew, and refuses a change that is not compatible.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.contracts.base import FactData
from shared.contracts.registry import FACTS

FOLDER = Path(__file__).parent / "published"

_BINDS_NOBODY = frozenset({"title", "description", "$defs", "$id", "default"})
# Compared part by part, since they may grow; all other rules of a schema stay as they are.
_GROWS = frozenset({"properties", "required", "enum", "const", "anyOf", "items"})


def schema_of(kind: type[FactData]) -> dict[str, Any]:
    """The schema of a fact's data as it stands on the wire."""
    return {"$id": f"urn:cunjing:fact:{kind.TYPE}", **kind.model_json_schema(by_alias=True, mode="serialization")}


def schema_file(kind: type[FactData]) -> Path:
    """Where the schema is kept."""
    return FOLDER / f"{kind.TYPE}.schema.json"


def example_file(kind: type[FactData]) -> Path:
    """Where the golden example is kept: bytes that every later version of the class must still read."""
    return FOLDER / f"{kind.TYPE}.example.json"


def incompatibilities(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What breaks readers of the old schema, or facts written under it, in the words of the fields.

    Readers with the old class meet new facts, and the new class meets old facts: so nothing may be narrowed, and
    nothing loosened, but for new optional fields and new choices.
    """
    return list(_changes(_resolved(old, old), _resolved(new, new), ""))


def _resolved(node: Any, root: Mapping[str, Any]) -> Any:
    """The schema with `$ref`s replaced, without what binds nobody."""
    if isinstance(node, list):
        return [_resolved(part, root) for part in node]
    if not isinstance(node, Mapping):
        return node
    if ref := node.get("$ref"):
        return _resolved(root["$defs"][ref.rpartition("/")[2]], root)
    # The names of fields are no rules: one of them is `title`.
    fields = {name: _resolved(field, root) for name, field in node.get("properties", {}).items()}
    rules = {key: _resolved(value, root) for key, value in node.items() if key not in _BINDS_NOBODY}
    return {**rules, "properties": fields}


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> Iterator[str]:
    yield from _changed_fields(old, new, at)
    yield from _changed_choices(old, new, at)
    yield from _changed_alternatives(old.get("anyOf", []), new.get("anyOf", []), at)
    if "items" in old or "items" in new:
        yield from _changes(old.get("items", {}), new.get("items", {}), f"{at}[]")
    for rule in sorted((old.keys() | new.keys()) - _GROWS):
        if old.get(rule) != new.get(rule):
            yield f"{at} has another {rule}"


def _changed_fields(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> Iterator[str]:
    before, now = old.get("properties", {}), new.get("properties", {})
    for name in before:
        if name in now:
            yield from _changes(before[name], now[name], f"{at}.{name}".lstrip("."))
        else:
            yield f"{at}.{name} is gone".lstrip(".")
    for name in sorted(set(old.get("required", ())) ^ set(new.get("required", ()))):
        # An empty field is not written at all, so a reader that wants it cannot read the fact.
        yield f"{at}.{name} {'is now required' if name in new.get('required', ()) else 'may now be absent'}".lstrip(".")


def _changed_choices(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> Iterator[str]:
    before, now = _choices(old), _choices(new)
    if bool(before) != bool(now):
        yield f"{at} is {'now' if now else 'no longer'} limited to choices"
    elif gone := before - now:
        yield f"{at} no longer allows {', '.join(sorted(gone))}"


def _choices(node: Mapping[str, Any]) -> set[str]:
    return {str(value) for value in [*node.get("enum", []), *([node["const"]] if "const" in node else [])]}


def _changed_alternatives(old: Sequence[Any], new: Sequence[Any], at: str) -> Iterator[str]:
    if len(old) != len(new):
        yield f"{at} has other alternatives"
    for before, now in zip(old, new, strict=False):
        yield from _changes(before, now, at)


def main() -> None:
    """Write every schema, unless a change would break a reader."""
    wrong = 0
    for kind in (fact.data for fact in FACTS):
        new, file = schema_of(kind), schema_file(kind)
        broken = incompatibilities(json.loads(file.read_text()), new) if file.exists() else []
        wrong += len(broken)
        for problem in broken:
            sys.stderr.write(f"{kind.TYPE}: {problem}; publish a new version of the fact instead\n")
        if not broken:
            file.write_text(json.dumps(new, ensure_ascii=False, indent=2) + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
