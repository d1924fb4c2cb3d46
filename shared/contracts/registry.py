"""Who publishes and who reads each fact. A fact that is not here cannot be published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts import fieldwork, intel, personnel, pulse, scoring
from shared.contracts.base import FactData

SERVICES = ("personnel", "fieldwork", "scoring", "intel")


@dataclass(frozen=True)
class Registered:
    """One fact of the vocabulary; `readers` are the services whose workers subscribe to it today."""

    data: type[FactData]
    readers: tuple[str, ...]

    @property
    def publisher(self) -> str:
        """The service that owns the fact."""
        return self.data.TOPIC.partition(".")[0]


OTHERS = ("fieldwork", "scoring", "intel")

PULSES = {
    "personnel": ("fieldwork", "intel"),
    "fieldwork": ("scoring",),
    "scoring": ("intel",),
    "intel": ("fieldwork",),
}
"""Who hears whom: fieldwork and intel must know how fresh personnel's word is, every audit's head is kept elsewhere.
A topic costs each of its readers something even while nothing happens, so nobody hears more than he needs."""

FACTS: tuple[Registered, ...] = (
    Registered(personnel.DivisionV1, OTHERS),
    Registered(personnel.OrganisationV1, OTHERS),
    Registered(personnel.AreaV1, OTHERS),
    Registered(personnel.OfficerV1, OTHERS),
    Registered(personnel.AssignmentV1, OTHERS),
    Registered(personnel.GroupV1, ("scoring",)),
    Registered(personnel.SchemeBindingV1, OTHERS),
    Registered(personnel.ConductDecidedV1, ("scoring",)),
    Registered(fieldwork.ActivityRecordedV1, ("scoring", "intel")),
    Registered(fieldwork.ActivityVerifiedV1, ("scoring", "intel")),
    Registered(fieldwork.ActivityRejectedV1, ("scoring", "intel")),
    Registered(fieldwork.PresenceDayUpdatedV1, ("scoring",)),
    Registered(fieldwork.AttendanceJudgedV1, ("scoring",)),
    Registered(fieldwork.KnowledgeTestedV1, ("scoring",)),
    Registered(fieldwork.FindingRecordedV1, ("scoring",)),
    Registered(fieldwork.NothingCertifiedV1, ("scoring",)),
    Registered(intel.ReportFiledV1, ("scoring",)),
    Registered(intel.ReportEscalatedV1, ()),
    Registered(intel.ReportRoutedV1, ()),
    Registered(intel.ReportAcknowledgedV1, ("scoring",)),
    Registered(intel.ReportClosedV1, ("scoring",)),
    Registered(scoring.SheetUpdatedV1, ()),
    *(Registered(kind, PULSES[service]) for service, kind in pulse.HEARTBEATS.items()),
    *(Registered(kind, PULSES[service]) for service, kind in pulse.SEALS.items()),
)

BY_TYPE: Mapping[str, Registered] = {fact.data.TYPE: fact for fact in FACTS}

COMPACTED = frozenset(
    kind.TOPIC
    for kind in (
        personnel.DivisionV1,
        personnel.OrganisationV1,
        personnel.AreaV1,
        personnel.OfficerV1,
        personnel.AssignmentV1,
        personnel.GroupV1,
        personnel.SchemeBindingV1,
    )
)
"""Reference topics: every fact is the whole state of its key, the highest (epoch, sequence) wins."""

TOPICS = tuple(sorted({fact.data.TOPIC for fact in FACTS}))


def types_for(reader: str, topic: str) -> dict[str, type[FactData]]:
    """The fact classes of a topic that are listed for this reader, by wire name."""
    return {f.data.TYPE: f.data for f in FACTS if topic == f.data.TOPIC and reader in f.readers}


def topics_for(reader: str) -> tuple[str, ...]:
    """The topics that hold at least one fact listed for this reader."""
    return tuple(topic for topic in TOPICS if types_for(reader, topic))


def published_by(service: str) -> tuple[str, ...]:
    """The topics this service publishes on."""
    return tuple(topic for topic in TOPICS if topic.startswith(f"{service}."))
