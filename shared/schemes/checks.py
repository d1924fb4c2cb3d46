"""Checks over whole schemes, as `cunjing schemes check` runs them."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from shared.schemes.documents import Document, sourced_nodes
from shared.schemes.findings import Finding, SchemeError
from shared.schemes.loader import canonical, read_scheme, scheme_ids, validate


def check_schemes(models: Mapping[str, type[BaseModel]], override_dir: Path | None = None) -> list[Finding]:
    """List every fault of every scheme; empty means each part loads with its service's model."""
    try:
        ids = scheme_ids(override_dir)
    except SchemeError as error:
        return list(error.findings)
    return sorted(finding for scheme_id in ids for finding in check_scheme(scheme_id, models, override_dir))


def check_scheme(scheme_id: str, models: Mapping[str, type[BaseModel]], override_dir: Path | None) -> list[Finding]:
    """List every fault of one scheme."""
    try:
        documents = read_scheme(scheme_id, override_dir)
    except SchemeError as error:
        return list(error.findings)
    return [*_invalid(documents, models), *_two_values_of_one_rule(documents)]


def _invalid(documents: Mapping[str, Document], models: Mapping[str, type[BaseModel]]) -> list[Finding]:
    findings: list[Finding] = []
    for part, document in documents.items():
        try:
            validate(document, models[part])
        except SchemeError as error:
            findings += error.findings
    return findings


def _two_values_of_one_rule(documents: Mapping[str, Document]) -> list[Finding]:
    first: dict[str, tuple[str, str]] = {}
    findings = []
    for document in documents.values():
        for path, node in sourced_nodes(document.content):
            value = canonical([node.get("value"), node["status"] == "undecided"])
            place = document.place(path)
            seen, where = first.setdefault(str(node["source"]), (value, f"{place.file.name}:{place.line}"))
            if seen != value:
                findings.append(document.finding(path, f"another value for this rule stands at {where}"))
    return findings
