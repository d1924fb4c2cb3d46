"""Whether a report becomes an order for the station, by the scheme's own rules."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.intel.playbook import Playbook
from shared.contracts.base import Tri
from shared.schemes.sourced import Sourced


@dataclass(frozen=True, slots=True)
class Escalation:
    """Why a report goes up and until when it must be accepted; `due` is absent while nobody has set a figure."""

    severity: str
    colour: str | None
    cause: str
    rule_id: str
    reading: str | None
    due: datetime | None


def decide(
    kind: str, category: str, signs: Collection[str], reported_at: datetime, playbook: Playbook
) -> Escalation | None:
    """The first rule of the scheme that the report meets (I-008, I-102); None keeps it on record without an order."""
    rule, route = playbook.escalation_for(kind, category, signs), playbook.route_for(kind)
    if rule is None or route is None or route.route != "police":
        return None
    due = _after(reported_at, playbook.deadlines.accept_hours)
    return Escalation(rule.severity, rule.colour, rule.cause, rule.source, rule.reading, due)


def in_time(noticed_at: datetime, reported_at: datetime, playbook: Playbook) -> Tri:
    """及时 has no figure in the documents: undecided until the scheme's owner gives one (I-201)."""
    limit = _after(noticed_at, playbook.deadlines.report_hours)
    if limit is None:
        return "undecided"
    return "yes" if reported_at <= limit else "no"


def unknown_code(
    kind: str, category: str, signs: Sequence[str], playbook: Playbook
) -> tuple[str, dict[str, str]] | None:
    """Where the first code stands that the scheme does not have, and those that it has there with their labels."""
    kinds: dict[str, str] = {name: known.label for name, known in playbook.report_kinds.items()}
    known = playbook.report_kinds.get(kind)  # type: ignore[call-overload]  # any text may be asked for
    if known is None:
        return "/kind", kinds
    if category not in known.categories:
        return "/category", known.categories
    wrong = next((n for n, sign in enumerate(signs) if sign not in playbook.signs), None)
    return None if wrong is None else (f"/signs/{wrong}", playbook.signs)


def activity_signs(details: Mapping[str, Any]) -> tuple[str, ...]:
    """The signs an entered dispute shows by itself (I-001); what they mean is the scheme's reading (I-102)."""
    shown = {"failed": details.get("state") == "failed", "not_lawful_on_spot": details.get("on_spot_lawful") is False}
    return tuple(sign for sign, is_so in shown.items() if is_so)


def _after(instant: datetime, hours: Sourced[int]) -> datetime | None:
    return None if hours.value is None else instant + timedelta(hours=hours.value)
