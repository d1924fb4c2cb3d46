"""How identifiers are written: one normalisation, one length and one pattern each, for all services.

NFKC makes full-width letters and digits plain, blanks around are cut off; badges are compared in upper case.
"""

from __future__ import annotations

import re
from typing import Annotated, Any
from unicodedata import normalize
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError

from shared.ids import is_derived

BADGE_LENGTH, SYSTEM_LENGTH, FOREIGN_LENGTH = 40, 60, 200

_VILLAGE = re.compile(r"[0-9]{12}([0-9]{3})?")
_RESERVED = re.compile(r"(cunjing|personnel|fieldwork|scoring|intel|console)(\..*)?", re.IGNORECASE | re.DOTALL)
RESERVED_SYSTEM = "此系统名称为本平台保留,请使用贵方系统自己的名称"


def normal_text(given: str) -> str:
    """The identifier as it is compared and kept."""
    return normalize("NFKC", given).strip()


def normal_badge(given: str) -> str:
    """A badge number as it is compared and kept."""
    return normal_text(given).upper()


def normal_village(given: str) -> str | None:
    """The 12-digit code in a text of 12 or 15 digits; None for anything else.

    Public security extends a village's code by three digits (E-56); the first twelve name the village.
    """
    code = normal_text(given)
    return code[:12] if _VILLAGE.fullmatch(code) else None


def is_reserved(system: str) -> bool:
    """Whether only our own services name things by this system: no request does."""
    return _RESERVED.fullmatch(normal_text(system)) is not None


def _not_reserved(system: str) -> str:
    if is_reserved(system):
        raise PydanticCustomError("reserved_system", RESERVED_SYSTEM)
    return system


def _village(given: str) -> str:
    if (code := normal_village(given)) is None:
        raise PydanticCustomError("village", "应为 12 位(或公安 15 位)村(社区)代码")
    return code


def _own(id: UUID) -> UUID:
    if is_derived(id):
        raise PydanticCustomError("own_id", "请自行生成 UUID(v7 或 v4);此类编号只由本平台生成")
    return id


def _if_text(normal: Any) -> Any:
    return lambda given: normal(given) if isinstance(given, str) else given


Badge = Annotated[
    str, BeforeValidator(_if_text(normal_badge)), StringConstraints(min_length=1, max_length=BADGE_LENGTH)
]
ForeignSystem = Annotated[
    str,
    BeforeValidator(_if_text(normal_text)),
    StringConstraints(min_length=1, max_length=SYSTEM_LENGTH),
    AfterValidator(_not_reserved),
]
"""The name of another system; those of our own services are refused."""
ForeignName = Annotated[
    str, BeforeValidator(_if_text(normal_text)), StringConstraints(min_length=1, max_length=FOREIGN_LENGTH)
]
VillageCode = Annotated[str, AfterValidator(_village)]
"""12 or 15 digits; kept as 12."""
OwnId = Annotated[UUID, AfterValidator(_own)]
"""The UUID that whoever creates a thing gives it: none that only we derive."""
