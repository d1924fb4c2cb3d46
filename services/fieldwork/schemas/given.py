"""What fieldwork takes: items of batches, each read on its own so that a bad one never spoils the rest."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StrictBool, StringConstraints
from pydantic_core import PydanticCustomError

from services.fieldwork.rules.items import CODE
from services.fieldwork.rules.names import Named
from shared.contracts.base import Sha256, Tri
from shared.identifiers import (
    BADGE_LENGTH,
    FOREIGN_LENGTH,
    RESERVED_SYSTEM,
    SYSTEM_LENGTH,
    ForeignName,
    ForeignSystem,
    VillageCode,
    is_reserved,
    normal_badge,
    normal_text,
    normal_village,
)
from shared.ids import is_derived, read_id
from shared.values import EARLIEST, LATEST, Day, Instant, Quantity


def _foreign(given: Any) -> Named | None:
    if not isinstance(given, dict) or given.keys() != {"system", "id"}:
        return None
    system, name = given["system"], given["id"]
    if not (isinstance(system, str) and isinstance(name, str)):
        return None
    named = Named(normal_text(system), normal_text(name))
    if is_reserved(named.system):
        raise PydanticCustomError("reserved_system", RESERVED_SYSTEM)
    fits = 0 < len(named.system) <= SYSTEM_LENGTH and 0 < len(named.name) <= FOREIGN_LENGTH
    return named if fits else None


def _former(given: Any) -> UUID | None:
    found = _foreign(given)
    return found and found.former


def _uuid(given: str) -> UUID | None:
    try:
        return read_id(given)
    except ValueError:
        return None


def _ref(given: Any) -> UUID | Named:
    found = _uuid(given) if isinstance(given, str) else _foreign(given)
    if found is None:
        raise PydanticCustomError("item_id", "应为 UUID,或写明 system 和 id 的对象")
    return found


def _own(given: Any) -> UUID | Named:
    found = _ref(given)
    if isinstance(found, UUID) and is_derived(found):
        raise PydanticCustomError("own_id", "请自行生成 UUID(v7 或 v4);此类编号只由本平台生成")
    return found


def _officer(given: Any) -> UUID | str:
    found: UUID | str | None = None
    if isinstance(given, dict) and len(given) == 1:
        ((form, name),) = given.items()
        if isinstance(name, str) and form == "badge" and 0 < len(normal_badge(name)) <= BADGE_LENGTH:
            found = name
        elif isinstance(name, str) and form == "id":
            found = _uuid(name)
    else:
        found = _former(given)
    if found is None:
        raise PydanticCustomError("officer", "应为写明 id、badge 或 system 和 id 的对象")
    return found


def _village(given: Any) -> UUID | str:
    found = normal_village(given) if isinstance(given, str) else _former(given)
    if found is None:
        raise PydanticCustomError("village", "应为 12 位或 15 位区划代码,或写明 system 和 id 的对象")
    return found


ItemId: TypeAlias = Annotated[UUID | Named, PlainValidator(_own, json_schema_input_type=str | dict[str, str])]
"""The id of what is sent: the client's UUID, or `{system, id}` of a foreign system, which is its county's."""

ItemRef: TypeAlias = Annotated[UUID | Named, PlainValidator(_ref, json_schema_input_type=str | dict[str, str])]
"""The id of something sent before, by whatever name."""

OfficerRef: TypeAlias = Annotated[UUID | str, PlainValidator(_officer, json_schema_input_type=dict[str, str])]
"""`{id}`, `{badge}` or `{system, id}`; read as an id, or as a badge (a text, as it was written)."""

VillageRef: TypeAlias = Annotated[UUID | str, PlainValidator(_village, json_schema_input_type=str | dict[str, str])]
"""A 12- or 15-digit code (E-56) or `{system, id}`; read as the 12-digit code, or as the id of a foreign name."""

Code = Annotated[str, StringConstraints(pattern=f"^{CODE}$")]


class Item(BaseModel):
    """One item of a batch; a misspelt field is an error, since it would be lost silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    LATER: ClassVar[tuple[str, ...]] = ()
    """Fields that came later: without them an item is what it was before."""


class Evidence(Item):
    """A photo, signature, recording or document, by the hash of its content."""

    kind: Literal["photo", "signature", "audio", "document"]
    sha256: Sha256


class Activity(Item):
    """Something an officer did; `officer` entered it (A-210), `done_by` did it (C-39)."""

    type: Literal["activity"]
    id: ItemId
    officer: OfficerRef
    done_by: OfficerRef | None = None
    with_officer: OfficerRef | None = None
    village: VillageRef
    kind: Code
    since: Instant = Field(alias="from")
    until: Instant | None = Field(default=None, alias="to")
    quantity: Quantity
    unit: Literal["household", "person", "time", "item"]
    target_key: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    matter_id: ItemRef | None = None
    group_id: UUID | None = None
    room_id: UUID | None = None
    task_id: UUID | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=50)] = ()
    supersedes: ItemRef | None = None
    note: Annotated[str, StringConstraints(max_length=1000)] | None = None


class Arrival(Item):
    """An officer came to a village: a line of the arrival register (F-021)."""

    LATER = ("supersedes",)

    type: Literal["arrival"]
    id: ItemId
    officer: OfficerRef
    village: VillageRef
    at: Instant
    supersedes: ItemRef | None = None


class Departure(Item):
    """The end of the session that an arrival began; one that is never sent invents nothing."""

    LATER = ("supersedes",)

    type: Literal["departure"]
    id: ItemId
    session: ItemRef
    at: Instant
    supersedes: ItemRef | None = None


class Withdrawal(Item):
    """Whoever entered something takes it back; it stays on record."""

    type: Literal["withdrawal"]
    id: ItemId
    of: Literal["activity", "arrival", "departure"]
    target: ItemRef
    officer: OfficerRef
    reason: Code


class Verify(Item):
    """The work was done as entered (A-201, A-203 … A-205)."""

    verdict: Literal["verify"]
    activity_id: ItemRef
    verified_by: OfficerRef
    method: Literal["desk", "bulk", "field"]
    quantity: Quantity | None = None
    true_situation: StrictBool
    record_seen: StrictBool
    signature_seen: StrictBool
    effective: Tri
    reason: Code | None = None
    replaces: UUID | None = None


class Reject(Item):
    """The work does not count (A-208, S-305)."""

    verdict: Literal["reject"]
    activity_id: ItemRef
    verified_by: OfficerRef
    method: Literal["desk", "bulk", "field"] | None = None
    true_situation: StrictBool | None = None
    record_seen: StrictBool | None = None
    signature_seen: StrictBool | None = None
    effective: Tri | None = None
    cause: Literal["not_confirmed", "withdrawn", "recheck_failed", "fraud"]
    reason: Code
    replaces: UUID | None = None


class Certificate(Item):
    """The station says that a village had no dispute, or no instability, in a month (A-202)."""

    id: ItemId
    village: VillageRef
    of: Literal["dispute", "instability"]
    month: Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
    certified_by: OfficerRef

    @property
    def first_day(self) -> date:
        """The first day of the month."""
        return date.fromisoformat(f"{self.month}-01")


class RosterDay(Item):
    """An officer is on duty that day, or no longer (F-021); on the day or after it, that is a correction with a reason.

    `entered_by` of the station, or above it, says so.
    """

    officer: OfficerRef
    day: Annotated[Day, Field(ge=EARLIEST.date(), lt=LATEST.date())]
    on_duty: StrictBool = True
    entered_by: OfficerRef
    reason: Code | None = None


class RosterConfirmation(Item):
    """Somebody else says that a correction of a roster is right, or with a reason that it is not."""

    id: UUID
    confirmed_by: OfficerRef
    confirm: StrictBool
    reason: Code | None = None


class ForeignVillage(Item):
    """What another system calls a village."""

    system: ForeignSystem
    id: ForeignName
    village: VillageCode


class Revocation(Item):
    """Why a certificate no longer holds, and who of the station says so."""

    revoked_by: OfficerRef
    reason: Code
