"""What the officers and villages named in a batch mean here, looked up once for all of them, judged by the day."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from services.fieldwork.errors.naming import (
    BadgeShared,
    ForeignNameShared,
    NotInService,
    OfficerUnknownYet,
    OutsideJurisdiction,
    VillageEnded,
    VillageUnknownYet,
)
from services.fieldwork.repository import people
from services.fieldwork.repository.people import Village
from services.fieldwork.rules.places import county_of
from shared.clock import shanghai_day
from shared.database.unit import Unit
from shared.reference.people import Person, meant
from shared.reference.people import officers as known_officers
from shared.security.principal import Principal
from shared.security.problems import ActAsRequired

Ref = UUID | str


@dataclass(slots=True)
class References:
    """Known officers and villages; asking for another raises the problem its item gets.

    Whoever the token may not list is answered as an unknown one is: nothing here tells the two apart.
    """

    who: Principal
    today: date
    officers: dict[Ref, list[Person]]
    villages: dict[Ref, list[Village]]
    _inside: dict[str, bool] = field(default_factory=dict)

    @classmethod
    async def of(cls, unit: Unit, who: Principal, officers: Iterable[Ref], villages: Iterable[Ref] = ()) -> References:
        """Look up everything a batch names."""
        today = shanghai_day(unit.now)
        return cls(
            who,
            today,
            await known_officers(unit.connection, officers, who.division, today),
            await people.villages(unit.connection, villages, who.division),
        )

    async def add(self, unit: Unit, officers: Iterable[Ref]) -> None:
        """Look up officers too whom only what is kept here names."""
        self.officers |= await known_officers(unit.connection, officers, self.who.division, self.today)

    def officer(self, ref: Ref, day: date) -> Person:
        """The officer of the token's jurisdiction who has not left; else `officer_unknown_yet`, `badge_shared`."""
        return self._meant(ref, day, lambda person: person.belongs_on(day))

    def companion(self, ref: Ref, day: date) -> Person:
        """The officer said to have been present: of one's own place, or of an office that serves it."""
        return self._meant(ref, day, lambda person: person.over or person.belongs_on(day))

    def acting(self, ref: Ref, day: date) -> Person:
        """The officer in whose name the item is sent; 403 `act_as_required` for another than the token's own."""
        if own := self._own(ref):
            return _not_left(own, day)
        if ref == self.who.officer_id:
            raise OfficerUnknownYet(ref)
        # A token of one officer must not learn whom else we know: an unknown badge is answered as a stranger's.
        if not self.who.may_act_as:
            raise ActAsRequired("请以本人身份提交,或使用带 act-as 权限的令牌")
        return self.officer(ref, day)

    def deciding(self, ref: Ref) -> Person:
        """Who decides today about others' work: the token's own officer, or with `act-as:verify` another (A-201)."""
        if own := self._own(ref):
            return _in_service(own, self.today)
        if ref == self.who.officer_id:
            raise OfficerUnknownYet(ref)
        if not self.who.may_verify_as:
            raise ActAsRequired("请以本人身份核实,或使用带 act-as:verify 权限的令牌")
        return _in_service(self.officer(ref, self.today), self.today)

    def person(self, officer_id: UUID) -> Person:
        """Who was found before, whatever the day."""
        return self.officers[officer_id][0]

    def village(self, ref: Ref, day: date) -> str:
        """The code of the village, if it had not ended before that day."""
        if isinstance(ref, str):
            self._require_inside(ref)
        found = [village for village in self.villages.get(ref, ()) if self._covers(village.code)]
        if not found:
            raise self._none(ref)
        if len(found) > 1:
            raise ForeignNameShared
        if found[0].valid.is_over(day):
            raise VillageEnded
        return found[0].code

    def county(self, ref: Ref) -> str | None:
        """The county that a village lies in, whether it still exists or not."""
        if isinstance(ref, str):
            return county_of(ref)
        counties = {county_of(village.code) for village in self.villages.get(ref, ())}
        return counties.pop() if len(counties) == 1 else None

    def _none(self, ref: Ref) -> Exception:
        return OutsideJurisdiction() if self.villages.get(ref) else VillageUnknownYet(ref)

    def _own(self, ref: Ref) -> Person | None:
        """The token's own officer, if the reference may mean him; who may name others is not preferred to them."""
        found = self.officers.get(ref, [])
        if isinstance(ref, str) and len(found) > 1 and (self.who.may_act_as or self.who.may_verify_as):
            return None
        return next((person for person in found if person.officer_id == self.who.officer_id), None)

    def _meant(self, ref: Ref, day: date, may_be_listed: Callable[[Person], bool]) -> Person:
        found = meant((person for person in self.officers.get(ref, ()) if may_be_listed(person)), day)
        if not found:
            raise OfficerUnknownYet(ref)
        if len(found) > 1:
            raise BadgeShared
        return _not_left(found[0], day)

    def _require_inside(self, code: str) -> None:
        if not self._covers(code):
            raise OutsideJurisdiction

    def _covers(self, code: str) -> bool:
        if code not in self._inside:
            self._inside[code] = self.who.covers(code)
        return self._inside[code]


def _not_left(person: Person, day: date) -> Person:
    if person.has_left(day):
        raise NotInService
    return person


def _in_service(person: Person, day: date) -> Person:
    if not person.serves_on(day):
        raise NotInService
    return person
