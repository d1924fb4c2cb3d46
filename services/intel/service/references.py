"""Who reports, and from where: what is named must be known here, and in service on the day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from services.intel.errors import BadgeShared, NotInService, NotKnownYet, Unknown, VillageEnded
from services.intel.repository.known import Known
from services.intel.schemas import ByBadge, ById, ForeignId
from shared.database.unit import Unit
from shared.ids import foreign_id
from shared.reference.nearest import everything_is_known, nearest_badges, nearest_villages
from shared.reference.people import Person, meant, officers
from shared.security.principal import Principal
from shared.security.problems import ActAsRequired

OfficerRef = ById | ByBadge | ForeignId


class References:
    """What a report names; whoever the token may not list is answered as an unknown one is."""

    def __init__(self, unit: Unit, who: Principal, today: date) -> None:
        self.unit = unit
        self.who = who
        self.today = today

    async def reporter(self, named: OfficerRef, day: date) -> UUID:
        """The token's own officer, or with `act-as` another of its jurisdiction."""
        ref = _ref(named)
        found = (await officers(self.unit.connection, [ref], self.who.division, self.today)).get(ref, [])
        if own := next((person for person in found if person.officer_id == self.who.officer_id), None):
            return _in_service([own], day)
        if not self.who.may_act_as:
            raise ActAsRequired("请以本人身份提交,或使用带 act-as 权限的令牌")
        listed = meant((person for person in found if person.belongs_on(day)), day)
        if not listed:
            near = await nearest_badges(self.unit.connection, ref, self.who.division) if isinstance(ref, str) else []
            raise await self.unknown("reporter", near)
        return _in_service(listed, day)

    async def village(self, code: str, day: date) -> None:
        """It exists, and had not ended before that day."""
        row = await Known(self.unit.connection).village(code)
        if row is None:
            raise await self.unknown("village", await nearest_villages(self.unit.connection, code, self.who.division))
        if row["valid_until"] is not None and row["valid_until"] < day:
            raise VillageEnded("该村(社区)当日已撤并,请改用现在的村(社区)代码")

    async def unknown(self, field: str, nearest: Sequence[Any] = ()) -> NotKnownYet | Unknown:
        """Sent again it is taken once it is known; what will never be known has to be put right."""
        if not await everything_is_known(self.unit.connection):
            return NotKnownYet("相关资料尚未同步到本服务,请稍后原样重发", field)
        return Unknown(field, nearest)


def _ref(named: OfficerRef) -> UUID | str:
    match named:
        case ById():
            return named.id
        case ByBadge():
            return named.badge
        case ForeignId():
            return foreign_id(named.system, named.id)


def _in_service(found: Sequence[Person], day: date) -> UUID:
    if len(found) > 1:
        raise BadgeShared("请改用 id 指明上报人,并请管理员更正警号")
    if found[0].has_left(day):
        raise NotInService("上报人当日不在岗,请核对人员和时间")
    return found[0].officer_id
