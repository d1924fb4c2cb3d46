"""The schemes' intel.yaml, each read once in the life of a process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

import structlog

from services.intel.playbook import Playbook
from shared.observability.metrics import SCHEME_BROKEN
from shared.reference.bindings import Binding, schemes_at
from shared.schemes import Loaded, SchemeError, load_scheme
from shared.schemes.loader import scheme_ids

log = structlog.get_logger(__name__)


class Applying(NamedTuple):
    """The scheme that decides about a report, and its playbook."""

    scheme: str
    version: str
    playbook: Playbook


class Playbooks:
    """Playbooks by scheme id, with the deployer's decisions over them."""

    def __init__(self, override_dir: Path | None) -> None:
        self._override_dir = override_dir

    def of(self, scheme: str | None) -> Loaded[Playbook] | None:
        """The playbook of a scheme; None when no scheme is bound or it has no usable intel.yaml."""
        return None if scheme is None else _read(scheme, self._override_dir)

    def at(self, bindings: Sequence[Binding], village: str, day: date) -> Applying | None:
        """What applies at a village on a day: of several schemes bound there, for several posts, the first by name."""
        for scheme in sorted({binding.scheme for binding in schemes_at(bindings, village, day)}):
            if loaded := self.of(scheme):
                return Applying(scheme, loaded.version, loaded.value)
        return None

    def falling_back(self) -> list[str]:
        """The schemes under which an order that came back goes to the parent unit by itself."""
        known = {scheme: self.of(scheme) for scheme in scheme_ids(self._override_dir)}
        return [scheme for scheme, loaded in known.items() if loaded and loaded.value.parent_fallback.value]

    def label(self, scheme: str | None, kind: str) -> str:
        """What the scheme calls a kind of report."""
        loaded = self.of(scheme)
        known = loaded and loaded.value.report_kinds.get(kind)  # type: ignore[call-overload]  # as it was filed then
        return known.label if known else "情况"


@cache
def _read(scheme: str, override_dir: Path | None) -> Loaded[Playbook] | None:
    try:
        return load_scheme(scheme, "intel", Playbook, override_dir)
    except SchemeError as error:
        # Reports under it wait visibly; a worker that ended here would stop the other schemes too.
        log.error("playbook.unusable", scheme=scheme, error=str(error))
        SCHEME_BROKEN.labels("intel", scheme).set(1)
        return None
