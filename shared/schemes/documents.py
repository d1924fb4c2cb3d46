"""Scheme files as plain data that still knows on which line each value stands."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode

from shared.schemes.findings import Finding, SchemeError

Path_ = tuple[str | int, ...]
DECISION = ("decided_by", "decided_on", "basis")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is written."""

    file: Path
    line: int


@dataclass(slots=True)
class Document:
    """The content of one part and the place of every value in it."""

    content: dict[str, Any]
    places: dict[Path_, Place]
    files: tuple[Path, ...]
    findings: list[Finding] = field(default_factory=list)

    def place(self, path: Sequence[str | int]) -> Place:
        """Find the nearest written place; steps that no file has (names of union members) are skipped."""
        known: Path_ = ()
        for step in path:
            if (*known, step) in self.places:
                known = (*known, step)
        return self.places.get(known, Place(self.files[-1], 1))

    def rule(self, path: Sequence[str | int]) -> str:
        """Name the rule of the innermost value around `path` that names one."""
        node: Any = self.content
        rule = ""
        for step in path:
            child = _child(node, step)
            if child is None:
                continue
            node = child
            if isinstance(node, dict) and isinstance(node.get("source"), str):
                rule = node["source"]
        return rule

    def finding(self, path: Sequence[str | int], message: str) -> Finding:
        """Say what is wrong at `path`."""
        place = self.place(path)
        return Finding(place.file, place.line, self.rule(path), message)


def _child(node: Any, step: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(step)
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return None


class _ExactNumbers(RoundTripConstructor):
    """Reads 0.5 as the decimal it is written as: points are never floats."""

    def exact(self, node: ScalarNode) -> Decimal:
        return Decimal(node.value.replace("_", ""))


_ExactNumbers.add_constructor("tag:yaml.org,2002:float", _ExactNumbers.exact)


def read_document(path: Path) -> Document:
    """Read one YAML file; a file that is not YAML or not a mapping raises `SchemeError` with its line."""
    try:
        return _parse(path, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise SchemeError([Finding(path, 1, "", f"not readable as UTF-8: {error}")]) from error


@lru_cache(maxsize=128)
def _parse(path: Path, text: str) -> Document:
    """Parse a file's text; kept, because the version of a scheme needs all its parts whichever one is loaded."""
    yaml = YAML(typ="rt")
    yaml.Constructor = _ExactNumbers
    try:
        loaded = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise SchemeError([Finding(path, line, "", str(error.problem or error.context))]) from error
    except (YAMLError, ArithmeticError) as error:
        raise SchemeError([Finding(path, 1, "", f"not readable as YAML: {error}")]) from error
    if not isinstance(loaded, CommentedMap):
        raise SchemeError([Finding(path, 1, "", "a scheme file is a mapping of names to values")])
    places: dict[Path_, Place] = {(): Place(path, 1)}
    return Document(_plain(loaded, (), path, places), places, (path,))


def _plain(node: Any, at: Path_, file: Path, places: dict[Path_, Place]) -> Any:
    if isinstance(node, CommentedMap):
        for name in node:
            places[(*at, str(name))] = Place(file, node.lc.key(name)[0] + 1)
        return {str(name): _plain(child, (*at, str(name)), file, places) for name, child in node.items()}
    if isinstance(node, CommentedSeq):
        for index in range(len(node)):
            places[(*at, index)] = Place(file, node.lc.item(index)[0] + 1)
        return [_plain(child, (*at, index), file, places) for index, child in enumerate(node)]
    return _scalar(node)


def _scalar(node: Any) -> Any:
    """Strip the round-trip wrappers so that equal values are equal and hash equally."""
    if isinstance(node, bool):
        return bool(node)
    for plain in (str, int):
        if isinstance(node, plain):
            return plain(node)
    return node


def merge(preset: Document, override: Document) -> Document:
    """Lay an override over a preset: maps merge, everything else replaces; a changed value needs its decision."""
    merged = Document({}, dict(preset.places), preset.files + override.files, [*preset.findings, *override.findings])
    merged.content = _merge_maps(preset.content, override.content, (), merged, override)
    return merged


def _merge_maps(
    base: Mapping[str, Any], over: Mapping[str, Any], at: Path_, merged: Document, override: Document
) -> dict[str, Any]:
    if is_sourced(base) and not _is_decided(over):
        merged.findings.append(_needs_decision(base, override.place(at)))
    result = dict(base)
    for name, value in over.items():
        path = (*at, name)
        merged.places[path] = override.place(path)
        if isinstance(value, dict) and isinstance(base.get(name), dict):
            result[name] = _merge_maps(base[name], value, path, merged, override)
        else:
            merged.findings += _given_up(base.get(name), value, override.place(path))
            _forget_below(merged, path)
            merged.places.update({p: place for p, place in override.places.items() if p[: len(path)] == path})
            result[name] = value
    return result


def _given_up(old: Any, new: Any, place: Place) -> Iterator[Finding]:
    """Yield a fault for each rule that goes with what is replaced as a whole, unless the new value decides it."""
    kept = {str(node["source"]) for _, node in sourced_nodes(new) if _is_decided(node)}
    yield from (_needs_decision(node, place) for _, node in sourced_nodes(old) if str(node["source"]) not in kept)


def _is_decided(node: Mapping[str, Any]) -> bool:
    return all(node.get(name) for name in DECISION)


def _needs_decision(node: Mapping[str, Any], place: Place) -> Finding:
    message = "an override of a sourced value needs decided_by, decided_on and basis"
    return Finding(place.file, place.line, str(node["source"]), message)


def _forget_below(document: Document, path: Path_) -> None:
    for known in [p for p in document.places if len(p) > len(path) and p[: len(path)] == path]:
        del document.places[known]


def is_sourced(node: Any) -> bool:
    """True for a mapping that is a value with its rule."""
    return isinstance(node, dict) and "source" in node and "status" in node


def sourced_nodes(node: Any, at: Path_ = ()) -> Iterator[tuple[Path_, dict[str, Any]]]:
    """Walk raw content and yield every value that names its rule."""
    if is_sourced(node):
        yield at, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in children:
        yield from sourced_nodes(child, (*at, step))
