"""Who may verify, certify or roster: the posts that the schemes of the place say, judged on the day of the act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from uuid import UUID

from services.fieldwork.errors.deciding import NotTheStation, PostMayNotAct
from services.fieldwork.errors.naming import SchemeUnknownYet, StationUnknownYet
from services.fieldwork.repository import holders
from services.fieldwork.repository.holders import Asked, Standing
from services.fieldwork.rules.acts import ActingPost, Holder, is_of_the_office, outranks, rank
from services.fieldwork.rules.certificates import last_day, may_be_certified
from services.fieldwork.scheme import Act
from services.fieldwork.service.kinds import Bound, Kinds
from shared.database.unit import Unit
from shared.reference.bindings import known_bindings


class Deciders:
    """How everybody named in a batch stands to the places he decides about.

    The scheme is the one that governs the place on the day of the work; whoever one of several lets act may act.
    """

    def __init__(self, act: Act, kinds: Kinds, bound: Bound, standings: Mapping[Asked, Standing]) -> None:
        self._act = act
        self._kinds = kinds
        self._bound = bound
        self._standings = standings

    @classmethod
    async def of(cls, act: Act, unit: Unit, kinds: Kinds, asked: Iterable[Asked]) -> Deciders:
        """Look up everybody at once: officer, place and the day on which he acts."""
        bound = Bound(await known_bindings(unit.connection))
        return cls(act, kinds, bound, await holders.standings(unit.connection, asked))

    def require(self, asked: Asked, work_day: date, worker_org: UUID | None = None) -> None:
        """Raise the problem of somebody whose office, or whose post in it, does not decide there."""
        holder, posts = self._holder(asked, worker_org), self._posts(asked[1], work_day)
        if holder is None:
            raise StationUnknownYet
        if any(rank(by, holder) is not None for by in posts):
            return
        if any(is_of_the_office(by, holder) for by in posts):
            raise PostMayNotAct("请由责任单位有此权限的岗位人员办理")
        raise NotTheStation("请由该村责任派出所(或方案所列上级单位)的人员办理")

    def outranks(self, asked: Asked, other: Asked, work_day: date, worker_org: UUID | None = None) -> bool:
        """Whether the first holds a post above the one in which the other acted on his day."""
        pair = self._holder(asked, worker_org), self._holder(other, worker_org)
        return any(outranks(by, *pair) for by in self._posts(asked[1], work_day))

    def may_certify(self, village: str, first_day: date, today: date) -> bool:
        """Whether the month has come far enough to be certified under one of the schemes."""
        governing = self._kinds.acts(self._schemes(village, last_day(first_day)))
        return any(may_be_certified(acts.certify_from.value, first_day, today) for acts in governing)

    def _posts(self, place: str, work_day: date) -> list[tuple[ActingPost, ...]]:
        return [acts.by(self._act) for acts in self._kinds.acts(self._schemes(place, work_day))]

    def _schemes(self, place: str, work_day: date) -> tuple[str, ...]:
        schemes = self._bound.schemes(place, work_day)
        if not schemes:
            raise SchemeUnknownYet(place)
        return schemes

    def _holder(self, asked: Asked, worker_org: UUID | None) -> Holder | None:
        standing = self._standings.get(asked)
        if standing is None or standing.org != worker_org or not standing.org_valid:
            return standing.holder if standing else None
        return replace(standing.holder, offices=standing.holder.offices | {"own"})
