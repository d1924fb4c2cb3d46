"""Loading a part of a scheme: preset, a deployer's decisions over it, validation, content version."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from shared.schemes.documents import Document, merge, read_document
from shared.schemes.findings import Finding, SchemeError

PARTS = ("scheme", "personnel", "fieldwork", "scoring", "intel")
PRESETS = Path(__file__).parent

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[M]):
    """A validated part; `version` is the hash of the whole scheme."""

    value: M
    version: str


def load_scheme(scheme_id: str, part: str, model: type[M], override_dir: Path | None = None) -> Loaded[M]:
    """Load one part of a scheme for the service that owns `model`; raises `SchemeError` with file, line, rule."""
    documents = read_scheme(scheme_id, override_dir)
    if part not in documents:
        raise SchemeError([Finding(PRESETS / scheme_id, 1, "", f"scheme {scheme_id} has no {part}.yaml")])
    return Loaded(validate(documents[part], model), content_version(documents))


def scheme_ids(override_dir: Path | None = None) -> list[str]:
    """Name every scheme that is preset here or added in the deployer's folder."""
    folders = [folder for root in _roots(override_dir) for folder in root.iterdir()]
    return sorted({folder.name for folder in folders if _is_scheme(folder)})


def read_scheme(scheme_id: str, override_dir: Path | None = None) -> dict[str, Document]:
    """Read all parts of a scheme, the deployer's values laid over the preset's."""
    documents: dict[str, Document] = {}
    for folder in (root / scheme_id for root in _roots(override_dir)):
        for part in PARTS:
            file = folder / f"{part}.yaml"
            if file.is_file():
                read = read_document(file)
                documents[part] = merge(documents[part], read) if part in documents else read
    if not documents:
        raise SchemeError([Finding(PRESETS / scheme_id, 1, "", f"there is no scheme {scheme_id}")])
    return documents


def validate(document: Document, model: type[M]) -> M:
    """Check one part against its service's model; every fault is found, not only the first."""
    findings = list(document.findings)
    try:
        value = model.model_validate(document.content)
    except ValidationError as error:
        findings += [document.finding(fault["loc"], _message(fault)) for fault in error.errors()]
        raise SchemeError(sorted(findings)) from error
    if findings:
        raise SchemeError(sorted(findings))
    return value


def content_version(documents: Mapping[str, Document]) -> str:
    """Hash what the scheme says, not how its files are laid out."""
    content = {part: document.content for part, document in documents.items()}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def canonical(value: Any) -> str:
    """Write a value so that equal numbers are equal text, 2 like 2.0, and no number is the text of its digits."""
    return json.dumps(_numbered(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def _numbered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _numbered(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_numbered(child) for child in value]
    if isinstance(value, Decimal):
        # JSON would make it a float, so a fraction is written as an object of its own.
        return int(value) if value == value.to_integral_value() else {"decimal": f"{value.normalize():f}"}
    return value


def _message(fault: Mapping[str, Any]) -> str:
    where = ".".join(str(step) for step in fault["loc"])
    return f"{where}: {fault['msg']}" if where else str(fault["msg"])


def _roots(override_dir: Path | None) -> list[Path]:
    if override_dir is None:
        return [PRESETS]
    if not override_dir.is_dir():
        raise SchemeError([Finding(override_dir, 1, "", "the folder of scheme decisions does not exist")])
    return [PRESETS, override_dir]


def _is_scheme(folder: Path) -> bool:
    return folder.is_dir() and any((folder / f"{part}.yaml").is_file() for part in PARTS)
