"""Which kinds of work may be recorded where, by the schemes the village's jurisdiction runs (C-01)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from services.fieldwork.repository.people import Binding
from services.fieldwork.scheme import ActivityKind, FieldworkScheme
from shared.schemes.loader import read_scheme, scheme_ids, validate


class Kinds:
    """The kinds of all schemes that have a fieldwork part, read once when the process starts."""

    def __init__(self, override_dir: Path | None) -> None:
        self._schemes: Mapping[str, Mapping[str, ActivityKind]] = {
            scheme: validate(documents["fieldwork"], FieldworkScheme).kinds
            for scheme in scheme_ids(override_dir)
            if "fieldwork" in (documents := read_scheme(scheme, override_dir))
        }

    def under(self, schemes: Iterable[str], kind: str) -> list[ActivityKind]:
        """The definitions of a kind under those schemes."""
        return [known[kind] for known in (self._schemes.get(scheme, {}) for scheme in schemes) if kind in known]


class Bound:
    """The schemes bound on a day at a place: those of the narrowest jurisdiction that has any."""

    def __init__(self, bindings: Sequence[Binding]) -> None:
        self._bindings = bindings
        self._found: dict[tuple[str, date], tuple[str, ...]] = {}

    def schemes(self, village: str, day: date) -> tuple[str, ...]:
        """Scheme ids; empty while nobody has said which."""
        key = (village, day)
        if key not in self._found:
            self._found[key] = self._look(village, day)
        return self._found[key]

    def _look(self, village: str, day: date) -> tuple[str, ...]:
        valid = [
            b
            for b in self._bindings
            if village.startswith(b.jurisdiction)
            and b.valid_from <= day
            and (b.valid_until is None or day <= b.valid_until)
        ]
        narrowest = max((len(b.jurisdiction) for b in valid), default=0)
        return tuple(sorted({b.scheme for b in valid if len(b.jurisdiction) == narrowest}))
