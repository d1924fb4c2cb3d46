"""What the schemes of a place say: which kinds of work may be recorded there, and who decides about it (C-01)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from services.fieldwork.scheme import ActivityKind, Acts, FieldworkScheme
from shared.reference.bindings import Binding, schemes_at
from shared.schemes.loader import read_scheme, scheme_ids, validate


class Kinds:
    """The kinds and acts of all schemes that have a fieldwork part, read once when the process starts."""

    def __init__(self, override_dir: Path | None) -> None:
        self._schemes: Mapping[str, FieldworkScheme] = {
            scheme: validate(documents["fieldwork"], FieldworkScheme)
            for scheme in scheme_ids(override_dir)
            if "fieldwork" in (documents := read_scheme(scheme, override_dir))
        }

    def under(self, schemes: Iterable[str], kind: str) -> list[ActivityKind]:
        """The definitions of a kind under those schemes."""
        return [known.kinds[kind] for known in self._known(schemes) if kind in known.kinds]

    def acts(self, schemes: Iterable[str]) -> list[Acts]:
        """Who decides about others' work under those schemes."""
        return [known.acts for known in self._known(schemes)]

    def _known(self, schemes: Iterable[str]) -> list[FieldworkScheme]:
        return [self._schemes[scheme] for scheme in schemes if scheme in self._schemes]


class Bound:
    """The schemes bound on a day at a place: those of the narrowest jurisdiction that has any."""

    def __init__(self, bindings: Sequence[Binding]) -> None:
        self._bindings = bindings
        self._found: dict[tuple[str, date], tuple[str, ...]] = {}

    def schemes(self, place: str, day: date) -> tuple[str, ...]:
        """Scheme ids; empty while nobody has said which."""
        key = (place, day)
        if key not in self._found:
            self._found[key] = tuple(sorted({found.scheme for found in schemes_at(self._bindings, place, day)}))
        return self._found[key]
