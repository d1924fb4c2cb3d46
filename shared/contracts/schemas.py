"""JSON Schemas of the facts, kept in the repository; they may grow but never take back or narrow what readers rely on.

`python -m shared.contracts.schemas` writes them anew, and refuses a change that is not compatible.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.contracts.base import FactData
from shared.contracts.registry import FACTS

FOLDER = Path(__file__).parent / "published"


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
    """What the new schema takes away from or narrows in the old one, in the words of the fields."""
    return list(_narrowed(_resolved(old, old), _resolved(new, new), ""))


def _resolved(node: Any, root: Mapping[str, Any]) -> Any:
    """The schema with `$ref`s replaced, without titles and descriptions, which bind nobody."""
    if isinstance(node, Mapping):
        if ref := node.get("$ref"):
            return _resolved(root["$defs"][ref.rpartition("/")[2]], root)
        said = ("title", "description", "$defs", "$id", "default")
        return {
            key: _resolved(value, root)
            for key, value in node.items()
            if key not in said or key in node.get("properties", {})
        }
    return [_resolved(value, root) for value in node] if isinstance(node, list) else node


def _narrowed(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> Iterator[str]:
    before, now = old.get("properties", {}), new.get("properties", {})
    for name, field in before.items():
        if name not in now:
            yield f"{at}{name} is gone"
        else:
            yield from _narrowed(field, now[name], f"{at}{name}.")
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{at}{name} is now required"
    if gone := set(_choices(old)) - set(_choices(new)):
        yield f"{at} no longer allows {', '.join(sorted(map(str, gone)))}"
    for rule in ("type", "format", "pattern", "maxLength", "minimum", "items", "additionalProperties"):
        if rule in new and new[rule] != old.get(rule):
            yield f"{at} has another {rule}"


def _choices(node: Mapping[str, Any]) -> list[Any]:
    """The values or alternatives a schema allows."""
    alternatives = [json.dumps(option, sort_keys=True) for option in node.get("anyOf", [])]
    return [*node.get("enum", []), *([node["const"]] if "const" in node else []), *alternatives]


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
