"""The rubrics of this deployment, loaded and prepared once per process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import structlog

from services.scoring.rubric import Rubric
from services.scoring.rules import Period, Plan, compile_rubric, evidence_from, measure_period
from services.scoring.service.days_off import FILE, DaysOff, read_days_off
from shared.observability.metrics import SCHEME_BROKEN
from shared.schemes import SchemeError, load_scheme, scheme_ids
from shared.schemes.loader import read_scheme

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Scheme:
    """One scheme's rubric, ready to evaluate with, and the version every result names."""

    id: str
    version: str
    plan: Plan

    def appraises(self, post: str) -> bool:
        """Whether holders of the post are scored (P-001)."""
        return self.plan.rubric.appraises(post)

    @property
    def measured(self) -> bool:
        """Whether it is decided which days one sheet covers (C-08); without that there is no sheet."""
        return self.plan.rubric.choice(self.plan.rubric.measure_period) is not None

    def periods(self, months: Iterable[date]) -> list[tuple[Period, date]]:
        """The measure periods that hold these months, each with the first day of the evidence it needs."""
        rubric = self.plan.rubric
        found = dict.fromkeys(measure_period(rubric, month) for month in months)
        return [(period, evidence_from(rubric, period)) for period in found]


class Rubrics:
    """Finds the rubric of a scheme. Nothing is scored by one that is broken; the others go on.

    `told` are the versions this process has said it uses; `outdated` when another one has said others since.
    """

    def __init__(self, override_dir: Path | None) -> None:
        self._override_dir = override_dir
        self._loaded: dict[str, Scheme | SchemeError | None] = {}
        self.told: dict[str, str] = {}
        self.outdated = False

    @cached_property
    def days_off(self) -> DaysOff:
        """The working days of China; they are the same under every scheme."""
        return read_days_off(self._override_dir)

    def find(self, scheme_id: str) -> Scheme | None:
        """The scheme's rubric; None when it is unknown here, scores nothing, or is broken."""
        found = self._once(scheme_id)
        return found if isinstance(found, Scheme) else None

    def is_broken(self, scheme_id: str) -> bool:
        """Whether its files have faults: what was computed before stays as it is until somebody mends them."""
        return isinstance(self._once(scheme_id), SchemeError)

    def versions(self, scheme_ids: Iterable[str]) -> dict[str, str]:
        """The version of each of these schemes that is known here ("" of one that is broken), and of the calendar."""
        found = {id_: self._once(id_) for id_ in scheme_ids}
        known = {id_: one.version if isinstance(one, Scheme) else "" for id_, one in found.items() if one is not None}
        return {**known, FILE: self.days_off.version}

    def _once(self, scheme_id: str) -> Scheme | SchemeError | None:
        if scheme_id not in self._loaded:
            try:
                self._loaded[scheme_id] = self._load(scheme_id)
            except SchemeError as error:
                log.error("rubric.unusable", scheme=scheme_id, error=str(error))
                self._loaded[scheme_id] = error
                SCHEME_BROKEN.labels("scoring", scheme_id).set(1)
        return self._loaded[scheme_id]

    def _load(self, scheme_id: str) -> Scheme | None:
        known = scheme_id in scheme_ids(self._override_dir)
        if not known or "scoring" not in read_scheme(scheme_id, self._override_dir):
            log.warning("scheme without a rubric", scheme=scheme_id)
            return None
        loaded = load_scheme(scheme_id, "scoring", Rubric, self._override_dir)
        return Scheme(scheme_id, loaded.version, compile_rubric(loaded.value))
