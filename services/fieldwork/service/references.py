"""What the officers and villages named in a batch mean here, looked up once for all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from services.fieldwork.errors import BadgeShared, OfficerUnknownYet, OutsideJurisdiction, VillageUnknownYet
from services.fieldwork.repository import people
from services.fieldwork.repository.people import Person
from shared.database.unit import Unit
from shared.security.principal import Principal
from shared.security.problems import ActAsRequired

Ref = UUID | str


@dataclass(slots=True)
class References:
    """Known officers and villages; asking for another raises the problem its item gets."""

    who: Principal
    officers: dict[Ref, list[Person]]
    villages: dict[Ref, str]
    _inside: dict[str, bool] = field(default_factory=dict)

    @classmethod
    async def of(cls, unit: Unit, who: Principal, officers: Iterable[Ref], villages: Iterable[Ref] = ()) -> References:
        """Look up everything a batch names."""
        return cls(
            who, await people.officers(unit.connection, officers), await people.villages(unit.connection, villages)
        )

    def officer(self, ref: Ref) -> Person:
        """The officer, `officer_unknown_yet`, or `badge_shared`."""
        meant = self.officers.get(ref, [])
        if not meant:
            raise OfficerUnknownYet
        if len(meant) > 1:
            raise BadgeShared
        return meant[0]

    def acting(self, ref: Ref) -> Person:
        """The officer in whose name the item is sent; 403 `act_as_required` for another than the token's own."""
        # A token of one officer must not learn whom else we know: an unknown badge is answered as a stranger's.
        meant = {ref} if isinstance(ref, UUID) else {person.officer_id for person in self.officers.get(ref, [])}
        if not self.who.may_act_as and self.who.officer_id not in meant:
            raise ActAsRequired("请以本人身份提交,或使用带 act-as 权限的令牌")
        return self.officer(ref)

    def village(self, ref: Ref) -> str:
        """The village's code, `outside_jurisdiction`, or `village_unknown_yet`."""
        if isinstance(ref, str):
            self._require_inside(ref)
        code = self.villages.get(ref)
        if code is None:
            raise VillageUnknownYet
        self._require_inside(code)
        return code

    def _require_inside(self, code: str) -> None:
        if code not in self._inside:
            self._inside[code] = self.who.covers(code)
        if not self._inside[code]:
            raise OutsideJurisdiction
