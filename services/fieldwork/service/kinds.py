"""What the schemes of a place say: which kinds of work may be recorded there, and who decides about it (C-01)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import structlog

from services.fieldwork.errors.naming import SchemeBroken
from services.fieldwork.scheme import ActivityKind, Acts, FieldworkScheme
from shared.observability.metrics import SCHEME_BROKEN
from shared.reference.bindings import Binding, schemes_at
from shared.schemes import SchemeError
from shared.schemes.loader import read_scheme, scheme_ids, validate

log = structlog.get_logger(__name__)


LOOK_AGAIN = 30.0


class Kinds:
    """The kinds and acts of the schemes, each read when it is first asked for.

    One that is broken keeps only the places it governs waiting; its files are looked at again every half minute.
    """

    def __init__(self, override_dir: Path | None) -> None:
        self._override_dir = override_dir
        self._schemes: dict[str, FieldworkScheme | None] = {}
        self._broken: dict[str, float] = {}

    def under(self, schemes: Iterable[str], kind: str) -> list[ActivityKind]:
        """The definitions of a kind under those schemes."""
        return [known.kinds[kind] for known in self._known(schemes) if kind in known.kinds]

    def labels(self, schemes: Iterable[str]) -> dict[str, str]:
        """What can be recorded under those schemes, with labels."""
        return {code: kind.label for known in self._known(schemes) for code, kind in known.kinds.items()}

    def acts(self, schemes: Iterable[str]) -> list[Acts]:
        """Who decides about others' work under those schemes."""
        return [known.acts for known in self._known(schemes)]

    def late_after(self, schemes: Iterable[str]) -> list[int | None]:
        """In how many days something is to be entered under those schemes."""
        return [known.late_after.value for known in self._known(schemes)]

    def _known(self, schemes: Iterable[str]) -> list[FieldworkScheme]:
        return [found for scheme in schemes if (found := self._scheme(scheme))]

    def _scheme(self, id: str) -> FieldworkScheme | None:
        """None for one that has no part for fieldwork. Raises SchemeBroken."""
        if id not in self._schemes:
            if time.monotonic() - self._broken.get(id, -LOOK_AGAIN) < LOOK_AGAIN:
                raise SchemeBroken
            self._schemes[id] = self._read(id)
        return self._schemes[id]

    def _read(self, id: str) -> FieldworkScheme | None:
        try:
            documents = read_scheme(id, self._override_dir) if id in scheme_ids(self._override_dir) else {}
            found = validate(documents["fieldwork"], FieldworkScheme) if "fieldwork" in documents else None
        except SchemeError as error:
            log.error("scheme.broken", scheme=id, error=str(error), help="see `cunjing schemes check`")
            self._broken[id] = time.monotonic()
            SCHEME_BROKEN.labels("fieldwork", id).set(1)
            raise SchemeBroken from None
        SCHEME_BROKEN.labels("fieldwork", id).set(0)
        return found


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
