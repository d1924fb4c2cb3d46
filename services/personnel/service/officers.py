"""What concerns one officer as a person: reading with masked numbers, finding by a number, erasure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping

from services.personnel.repository.officers import OfficerNumbers
from services.personnel.repository.states import Change
from services.personnel.schemas.answers import OfficerAnswer, OfficerSearch
from services.personnel.schemas.items import OfficerItem
from services.personnel.service.states import WholeStates
from shared.contracts.personnel import OfficerV1
from shared.reference.states import from_columns
from shared.security.audit import record_audit
from shared.security.citizen import mask_citizen_number, mask_phone


@dataclass(frozen=True)
class Officers:
    """Use cases of one request."""

    states: WholeStates

    async def read(self, officer_id: UUID) -> OfficerAnswer:
        """The officer, numbers masked."""
        row = await self.states.one(OfficerItem, officer_id)
        sealed = await self._numbers().of(officer_id)
        numbers = {kind: self.states.vault.open(seal) for kind, seal in sealed.items()}
        return _answer(row, numbers)

    async def find(self, search: OfficerSearch) -> list[UUID]:
        """The officers of the caller's jurisdiction with that number; who asked is written down."""
        kind, number = ("phone", search.phone) if search.phone else ("citizen_number", search.citizen_number)
        index = self.states.vault.blind_index(str(number), kind)
        found = await self._numbers().holders(kind, index, self.states.by.division)
        await record_audit(
            self.states.unit, self.states.by, "personnel.officer.search", f"by {kind}: {len(found)} found"
        )
        return found

    async def erase(self, officer_id: UUID, reason: str) -> OfficerAnswer:
        """Empty all personal data and say so to every reader, by an ordinary fact (E-63); again: no change."""
        await self.states.one(OfficerItem, officer_id)
        erased = await self._numbers().erase(officer_id, self.states.unit.now)
        row = await self.states.one(OfficerItem, officer_id)
        if erased:
            self.states.publish([Change(from_columns(OfficerV1, row), row["jurisdiction"])])
            await record_audit(
                self.states.unit, self.states.by, "personnel.officer.erase", str(officer_id), reason=reason
            )
        return _answer(row, {})

    def _numbers(self) -> OfficerNumbers:
        return OfficerNumbers(self.states.unit.connection)


def _answer(row: RowMapping, numbers: Mapping[str, str]) -> OfficerAnswer:
    phone, citizen = numbers.get("phone"), numbers.get("citizen_number")
    masked = {
        "phone": mask_phone(phone) if phone else None,
        "citizen_number": mask_citizen_number(citizen) if citizen else None,
        "erased_at": row["erased_at"],
    }
    return OfficerAnswer(**dict(from_columns(OfficerV1, row)), **masked)
