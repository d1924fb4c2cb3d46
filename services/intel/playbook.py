"""The shape of intel.yaml: what is reported, what makes it escalate, who receives it, how fast."""

from collections.abc import Collection
from typing import Literal

from pydantic import model_validator

from shared.schemes.sourced import SchemeModel, Sourced

KindName = Literal[
    "dispute", "instability", "hazard", "population", "lead", "petition", "production_safety", "alarm_help"
]


class ReportKind(SchemeModel):
    """A kind of report with the categories the rules list."""

    label: str
    rules: tuple[str, ...]
    categories: dict[str, str]
    classification: Literal["open", "internal", "restricted"] = "internal"


class Trigger(SchemeModel):
    """Any of these signs or categories, in a report of one of these kinds."""

    kinds: tuple[KindName, ...]
    signs: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class EscalationRule(Sourced[Trigger]):
    """When a report must go up, how severe it then is, and which reading of which rule says so; open, it moves none."""

    label: str
    severity: str
    colour: str | None = None
    cause: Literal["rule", "repeat", "violence_sign", "uncontrollable"]

    def applies(self, kind: str, category: str, signs: Collection[str]) -> bool:
        """True when a report shows what the rule names."""
        when = self.value
        if when is None or kind not in when.kinds:
            return False
        return category in when.categories or any(sign in when.signs for sign in signs)


class Route(SchemeModel):
    """Where escalated reports of some kinds go (I-101)."""

    kinds: tuple[KindName, ...]
    route: Literal["police", "non_police", "inform", "supervise"]
    to: Literal["responsible_station"]
    rules: tuple[str, ...]


class Deadlines(SchemeModel):
    """Hours allowed; 及时 has no figure, so a deadline may be open (I-201)."""

    report_hours: Sourced[int]
    accept_hours: Sourced[int]


class Playbook(SchemeModel):
    """intel.yaml of a scheme."""

    report_kinds: dict[KindName, ReportKind]
    signs: dict[str, str]
    severities: dict[str, str]
    escalation: dict[str, EscalationRule]
    routes: dict[str, Route]
    deadlines: Deadlines
    parent_fallback: Sourced[bool]
    """Whether what a station sends back, or cannot be told, goes to its parent unit by itself."""

    @model_validator(mode="after")
    def _rules_name_known_things(self) -> "Playbook":
        for name, rule in self.escalation.items():
            when = rule.value or Trigger(kinds=())
            categories = {code for kind in when.kinds for code in self._kind(name, kind).categories}
            unknown = (set(when.signs) - self.signs.keys()) | (set(when.categories) - categories)
            unknown |= {rule.severity} - self.severities.keys()
            if unknown:
                raise ValueError(f"escalation.{name} names unknown codes: {', '.join(sorted(unknown))}")
        return self

    def _kind(self, rule: str, kind: KindName) -> ReportKind:
        if kind not in self.report_kinds:
            raise ValueError(f"escalation.{rule} names an unknown kind: {kind}")
        return self.report_kinds[kind]

    def escalation_for(self, kind: str, category: str, signs: Collection[str]) -> EscalationRule | None:
        """Return the first rule a report meets, in the order of the file; None keeps it in the village."""
        return next((rule for rule in self.escalation.values() if rule.applies(kind, category, signs)), None)

    def route_for(self, kind: str) -> Route | None:
        """Return where an escalated report of a kind goes."""
        return next((route for route in self.routes.values() if kind in route.kinds), None)
