"""What may be put: each thing as the whole state of its fact, narrowed to what we accept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, LiteralString, Self

from pydantic import AfterValidator, ConfigDict, Field, StrictInt, StringConstraints, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from services.personnel.rules import divisions, names
from shared.contracts.base import Code12, FactData, Period
from shared.contracts.personnel import (
    AreaV1,
    AssignmentV1,
    DivisionV1,
    GroupV1,
    OfficerV1,
    OrganisationV1,
    Predecessor,
    SchemeBindingV1,
    Where,
)
from shared.identifiers import Badge
from shared.observability.redaction import holds_personal_number
from shared.security.citizen import normal_citizen_number
from shared.security.jurisdiction import normal_division
from shared.values import Day


class Ref(tuple[str, str]):
    """The kind (`officer`) and the id of a thing."""

    __slots__ = ()

    def __new__(cls, kind: str, id: object) -> Self:
        """`Ref("officer", officer_id)`."""
        return super().__new__(cls, (kind, str(id)))


Homes = Mapping[Ref, str]
"""The jurisdiction of each thing that is known."""


def _clean(text: str) -> str:
    if not names.is_clean(text):
        raise PydanticCustomError("control_characters", "文本不能含控制字符或不可见字符")
    # Names and labels are published: whoever writes a number into one would publish it.
    if holds_personal_number(text):
        raise PydanticCustomError("personal_data", "名称和标注中不能含身份证号或手机号")
    return text


def _citizen_number(text: str) -> str:
    try:
        return normal_citizen_number(text)
    except ValueError:
        raise PydanticCustomError("citizen_number", "公民身份号码不正确,请核对 18 位号码") from None


def _village_code(code: str) -> str:
    if not divisions.is_village(code):
        raise _refuse("village", "应为村级单位的区划代码,末三位不能为 000")
    return code


def _refuse(code: Literal["level", "parent", "trained", "village"], message: LiteralString) -> PydanticCustomError:
    return PydanticCustomError(code, message)


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), AfterValidator(_clean)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_clean)]
CitizenNumber = Annotated[str, AfterValidator(_citizen_number)]
Phone = Annotated[str, StringConstraints(pattern=r"^1[0-9]{10}$")]
"""A mobile number in mainland China."""
Head = Annotated[StrictInt, Field(ge=0, le=100_000)]
"""A number of people."""
Places = Annotated[tuple[Code12, ...], Field(min_length=1, max_length=1000)]
VillageCode = Annotated[Code12, AfterValidator(_village_code)]


class GivenPeriod(Period):
    """First and last day, each written in the one form that days have."""

    since: Day = Field(alias="from")
    until: Day | None = Field(default=None, alias="to")


class Item(FactData):
    """What every thing that can be put has: its table, the fact it is published as, what it refers to, its home."""

    model_config = ConfigDict(extra="forbid")

    PLURAL: ClassVar[str]
    TABLE: ClassVar[str]
    FACT: ClassVar[type[FactData]]

    @property
    def ref(self) -> Ref:
        """The thing itself."""
        return Ref(self.TABLE, self.stream_key)

    def references(self) -> list[Ref]:
        """The things that must be known before this one."""
        return []

    def held(self) -> list[Ref]:
        """The things that must stay as they are while this one is judged."""
        return []

    def home(self, homes: Homes) -> str:
        """The jurisdiction it belongs to; "" if there is none. All references are in `homes`."""
        raise NotImplementedError

    def whole_state(self) -> FactData:
        """The whole state, as published."""
        return self.FACT.model_validate(self.model_dump())


class DivisionItem(DivisionV1, Item):
    """A division; leave `village_kind` out to have it derived from the code, `kind_corrected` is ours to say."""

    PLURAL: ClassVar[str] = "divisions"
    TABLE: ClassVar[str] = "division"
    FACT: ClassVar[type[FactData]] = DivisionV1

    valid: GivenPeriod
    name: Text
    urban_rural: Annotated[str, StringConstraints(pattern=r"^[0-9]{3}$")] | None = None
    neighbours: Annotated[tuple[Code12, ...], Field(max_length=100)] = ()
    predecessors: Annotated[tuple[Predecessor, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _code_fits(self) -> Self:
        if not divisions.fits_level(self.code, self.level) or self.code.startswith("00"):
            raise _refuse("level", "code 与 level 不符")
        if (self.parent is None) != (self.level == "province"):
            raise _refuse("parent", "除省级外都应写明 parent,省级不写")
        return self

    @override
    def references(self) -> list[Ref]:
        return [Ref("division", self.parent)] if self.parent else []

    @override
    def home(self, homes: Homes) -> str:
        return normal_division(self.code)

    @override
    def whole_state(self) -> FactData:
        derived = divisions.village_kind(self.code, self.level)
        kind = self.village_kind if "village_kind" in self.model_fields_set else derived
        said = self.model_dump() | {"village_kind": kind, "kind_corrected": kind != derived}
        return DivisionV1.model_validate(said)


class OrganisationItem(OrganisationV1, Item):
    """A station, bureau, office or department."""

    PLURAL: ClassVar[str] = "organisations"
    TABLE: ClassVar[str] = "organisation"
    FACT: ClassVar[type[FactData]] = OrganisationV1

    valid: GivenPeriod
    name: Name
    serves: Places
    official_code: Text | None = None

    @override
    def references(self) -> list[Ref]:
        parent = [Ref("organisation", self.parent)] if self.parent else []
        return parent + [Ref("division", code) for code in self.serves]

    @override
    def home(self, homes: Homes) -> str:
        return _common_division(self.serves)


class AreaItem(AreaV1, Item):
    """A police responsibility area."""

    PLURAL: ClassVar[str] = "areas"
    TABLE: ClassVar[str] = "area"
    FACT: ClassVar[type[FactData]] = AreaV1

    valid: GivenPeriod
    name: Name
    villages: Annotated[tuple[VillageCode, ...], Field(min_length=1, max_length=1000)]

    @override
    def references(self) -> list[Ref]:
        return [Ref("organisation", self.station)] + [Ref("division", code) for code in self.villages]

    @override
    def home(self, homes: Homes) -> str:
        return _common_division(self.villages)


class OfficerItem(OfficerV1, Item):
    """An officer or auxiliary. `phone` and `citizen_number`: absent keeps what is stored, null empties it."""

    PLURAL: ClassVar[str] = "officers"
    TABLE: ClassVar[str] = "officer"
    FACT: ClassVar[type[FactData]] = OfficerV1

    valid: GivenPeriod
    name: Name
    badge: Annotated[Badge, AfterValidator(_clean)] | None = None
    patrol_ready_from: Day | None = None
    phone: Phone | None = None
    citizen_number: CitizenNumber | None = None

    @override
    def references(self) -> list[Ref]:
        return [Ref("organisation", id) for id in (self.employer, self.station) if id]

    @override
    def held(self) -> list[Ref]:
        return [self.ref]

    @override
    def home(self, homes: Homes) -> str:
        return homes[Ref("organisation", self.station or self.employer)]

    def numbers(self) -> dict[str, str | None]:
        """The personal numbers this request speaks about, by kind."""
        return {kind: getattr(self, kind) for kind in ("phone", "citizen_number") if kind in self.model_fields_set}


class Place(Where):
    """Where somebody is: a village by its code, everything else by its id."""

    id: Annotated[str, StringConstraints(pattern=r"^([0-9]{12}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]

    @model_validator(mode="after")
    def _code_is_a_villages(self) -> Self:
        if self.type == "village":
            _village_code(self.id)
        return self


class AssignmentItem(AssignmentV1, Item):
    """Who holds which post where and when."""

    PLURAL: ClassVar[str] = "assignments"
    TABLE: ClassVar[str] = "assignment"
    FACT: ClassVar[type[FactData]] = AssignmentV1

    valid: GivenPeriod
    where: Place
    title: Text | None = None
    exception: Text | None = None

    @property
    def place(self) -> Ref:
        """Where it is."""
        return Ref({"village": "division", "org": "organisation"}.get(self.where.type, self.where.type), self.where.id)

    @property
    def officer(self) -> Ref:
        """Who it is."""
        return Ref("officer", self.officer_id)

    @override
    def references(self) -> list[Ref]:
        backup = [Ref("assignment", self.backup_of)] if self.backup_of else []
        return [self.officer, self.place, *backup]

    @override
    def held(self) -> list[Ref]:
        return [self.ref, self.officer]

    @override
    def home(self, homes: Homes) -> str:
        return homes[self.place]


class GroupItem(GroupV1, Item):
    """A mass-prevention group, without its members' names."""

    PLURAL: ClassVar[str] = "groups"
    TABLE: ClassVar[str] = "prevention_group"
    FACT: ClassVar[type[FactData]] = GroupV1

    valid: GivenPeriod
    village: VillageCode
    members: Head
    trained_members: Head

    @model_validator(mode="after")
    def _trained_are_members(self) -> Self:
        if self.trained_members > self.members:
            raise _refuse("trained", "trained_members 不能多于 members")
        return self

    @override
    def references(self) -> list[Ref]:
        confirmed = [Ref("organisation", self.confirmed_by)] if self.confirmed_by else []
        return [Ref("division", self.village), *confirmed]

    @override
    def home(self, homes: Homes) -> str:
        return normal_division(self.village)


class BindingItem(SchemeBindingV1, Item):
    """Which jurisdiction runs which scheme from when."""

    PLURAL: ClassVar[str] = "bindings"
    TABLE: ClassVar[str] = "scheme_binding"
    FACT: ClassVar[type[FactData]] = SchemeBindingV1

    valid: GivenPeriod
    jurisdiction: Annotated[
        str, Field(pattern=r"^([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})$"), AfterValidator(normal_division)
    ]
    scheme: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    posts: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)]

    @override
    def references(self) -> list[Ref]:
        return [Ref("division", divisions.padded(self.jurisdiction))]

    @override
    def home(self, homes: Homes) -> str:
        return self.jurisdiction


ITEMS: tuple[type[Item], ...] = (
    DivisionItem,
    OrganisationItem,
    AreaItem,
    OfficerItem,
    AssignmentItem,
    GroupItem,
    BindingItem,
)


def _common_division(codes: tuple[str, ...]) -> str:
    """The smallest division that contains all of them, unpadded."""
    shortest, *others = sorted((normal_division(code) for code in codes), key=len)
    for digits in sorted(divisions.DIGITS.values(), reverse=True):
        if digits <= len(shortest) and all(other.startswith(shortest[:digits]) for other in others):
            return shortest[:digits]
    return ""
