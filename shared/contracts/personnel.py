"""Facts of personnel: who is where. Reference data is compacted: every fact is the whole state of its key."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Code12, Code15, FactData, Label, Part, Period

DivisionLevel = Literal["province", "city", "county", "township", "village"]
VillageKind = Literal["village_committee", "residents_committee", "similar", "none"]
OrganisationKind = Literal[
    "station",
    "squad",
    "bureau",
    "branch",
    "town_office",
    "street_office",
    "village_committee",
    "leading_office",
    "duty_office",
    "department",
    "social_governance",
    "court",
    "procuratorate",
    "justice",
    "inspection",
]
OfficerKind = Literal["officer", "auxiliary", "cadre", "volunteer", "mediator", "population_coordinator"]
Post = Literal[
    "community_officer",
    "village_officer",
    "village_auxiliary",
    "resident_officer",
    "covering_cadre",
    "station_head",
    "volunteer",
]
GroupKind = Literal[
    "patrol_team",
    "fire_team",
    "security_committee",
    "mediation_committee",
    "night_watch",
    "enterprise_mutual_aid",
    "school_guard",
    "neighbourhood_watch",
    "ten_households",
    "peace_volunteers",
    "red_armband",
    "guard_unit",
    "militia",
    "information_officers",
]


class Predecessor(Part):
    """Where a division came from: merged, split, recoded or renamed (C-46)."""

    code: Code12
    how: Literal["merge", "split", "recode", "rename"]


class DivisionV1(FactData):
    """A division with its dates and, for village-level units, its kind by code (E-52, E-53, C-41)."""

    TYPE: ClassVar[str] = "personnel.division.v1"
    TOPIC: ClassVar[str] = "personnel.division"
    KEY: ClassVar[str] = "code"

    code: Code12
    code15: Code15 | None = None
    name: Label
    level: DivisionLevel
    village_kind: VillageKind = "none"
    kind_corrected: bool = False
    urban_rural: Label | None = None
    parent: Code12 | None = None
    neighbours: tuple[Code12, ...] = ()
    valid: Period
    predecessors: tuple[Predecessor, ...] = ()


class OrganisationV1(FactData):
    """A station, bureau, office or department and the divisions it serves (I-101 … I-106)."""

    TYPE: ClassVar[str] = "personnel.organisation.v1"
    TOPIC: ClassVar[str] = "personnel.organisation"
    KEY: ClassVar[str] = "org_id"

    org_id: UUID
    name: Label
    kind: OrganisationKind
    parent: UUID | None = None
    serves: tuple[Code12, ...] = ()
    official_code: Label | None = None
    valid: Period


class AreaV1(FactData):
    """A police responsibility area: villages under one station (P-144, P-149)."""

    TYPE: ClassVar[str] = "personnel.area.v1"
    TOPIC: ClassVar[str] = "personnel.area"
    KEY: ClassVar[str] = "area_id"

    area_id: UUID
    name: Label
    villages: tuple[Code12, ...]
    station: UUID
    rural: bool
    valid: Period


class OfficerV1(FactData):
    """A member of staff; name and badge are personal data and empty after erasure (E-63)."""

    TYPE: ClassVar[str] = "personnel.officer.v1"
    TOPIC: ClassVar[str] = "personnel.officer"
    KEY: ClassVar[str] = "officer_id"

    officer_id: UUID
    kind: OfficerKind
    name: Label
    badge: Label | None = None
    employer: UUID
    station: UUID | None = None
    full_time: bool
    status: Literal["confirmed", "active", "left"]
    account: Literal["none", "open", "closed"]
    patrol_ready_from: date | None = None
    valid: Period


class Where(Part):
    """The place of an assignment: a village by code, an area, room or organisation by id."""

    type: Literal["village", "area", "room", "org"]
    id: str


class AssignmentV1(FactData):
    """Who holds which post where and when (F-001 … F-011, C-39, P-161 … P-164)."""

    TYPE: ClassVar[str] = "personnel.assignment.v1"
    TOPIC: ClassVar[str] = "personnel.assignment"
    KEY: ClassVar[str] = "assignment_id"

    assignment_id: UUID
    officer_id: UUID
    post: Post
    role: Literal["main", "backup", "secondment", "concurrent"]
    title: Label | None = None
    where: Where
    backup_of: UUID | None = None
    exception: Label | None = None
    valid: Period


class GroupV1(FactData):
    """A mass-prevention group of a village, without its members' names (S-104, S-105, A-20)."""

    TYPE: ClassVar[str] = "personnel.group.v1"
    TOPIC: ClassVar[str] = "personnel.group"
    KEY: ClassVar[str] = "group_id"

    group_id: UUID
    kind: GroupKind
    village: Code12
    members: int = Field(ge=0)
    trained_members: int = Field(ge=0)
    state: Literal["formed", "effective", "dissolved"]
    confirmed_by: UUID | None = None
    valid: Period


class SchemeBindingV1(FactData):
    """Which jurisdiction runs which scheme, for which posts, from when to when (C-01, C-45).

    A `shadow` is scored beside what governs and never published. What an older publisher sent governs.
    """

    TYPE: ClassVar[str] = "personnel.scheme_binding.v1"
    TOPIC: ClassVar[str] = "personnel.scheme_binding"
    KEY: ClassVar[str] = "binding_id"

    binding_id: UUID
    jurisdiction: str = Field(pattern=r"^([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})$")
    scheme: Label
    version: str
    posts: tuple[Label, ...]
    use: Literal["governing", "shadow"] = "governing"
    valid: Period


class ComplaintChain(Part):
    """The audited chain a deduction needs: complaint, finding, notice of criticism (S-118)."""

    complaint_id: UUID | None = None
    finding_id: UUID | None = None
    notice_id: UUID | None = None


class ConductDecidedV1(FactData):
    """A commendation or a sanction that was decided (S-118, S-119)."""

    TYPE: ClassVar[str] = "personnel.conduct_decided.v1"
    TOPIC: ClassVar[str] = "personnel.record"
    KEY: ClassVar[str] = "officer_id"

    decision_id: UUID
    officer_id: UUID
    kind: Literal[
        "commendation", "merit", "model", "criticism_notice", "four_forbidden_breach", "discipline", "dismissal"
    ]
    level: Literal["station", "county", "city", "province", "nation"]
    occurred_on: date
    decided_on: date
    decided_by: UUID
    while_on_duty_in_area: bool
    chain: ComplaintChain = ComplaintChain()
    state: Literal["in_force", "withdrawn"]
