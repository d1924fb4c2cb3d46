"""Who asks."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from shared.security.jurisdiction import covers
from shared.security.problems import ActAsRequired

Clearance = Literal["open", "internal", "restricted"]


@dataclass(frozen=True, slots=True)
class Principal:
    """The verified owner of a token. `division` "" is the whole nation, else 2, 4, 6, 9 or 12 digits unpadded."""

    subject: str
    scopes: frozenset[str]
    division: str
    clearance: Clearance
    officer_id: UUID | None

    @property
    def may_act_as(self) -> bool:
        """Whether officers may be named in whose place this client acts."""
        return "act-as" in self.scopes

    @property
    def may_verify_as(self) -> bool:
        """Whether officers may be named in whose place this client decides about others' work (A-201)."""
        return "act-as:verify" in self.scopes

    def covers(self, code: str) -> bool:
        """Whether the place with this division code is inside the principal's jurisdiction."""
        return covers(self.division, code)


def acting_for(principal: Principal, officer_id: UUID) -> UUID:
    """The officer in whose name the principal acts; 403 `act_as_required` for another than itself without the scope."""
    if officer_id != principal.officer_id and not principal.may_act_as:
        raise ActAsRequired("请以本人身份提交,或使用带 act-as 权限的令牌")
    return officer_id
