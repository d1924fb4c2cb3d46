"""Who asks, and the use cases of one request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from services.personnel.service.states import WholeStates
from shared.database.unit import Unit
from shared.security.dependencies import requires
from shared.security.jurisdiction import normal_division
from shared.security.principal import Principal

Reader = Annotated[Principal, Depends(requires("personnel:read"))]
Writer = Annotated[Principal, Depends(requires("personnel:write"))]


def whole_states(request: Request, unit: Unit, who: Principal) -> WholeStates:
    """The use cases with this request's transaction and the service's vault."""
    return WholeStates(unit, request.app.state.vault, who)


def _division(text: str) -> str:
    try:
        return normal_division(text)
    except ValueError:
        raise PydanticCustomError("division", "应为 2、4、6、9 或 12 位区划代码") from None


DivisionCode = Annotated[str, AfterValidator(_division)]
"""A division code with or without its zero padding; comes out without."""

InDivision = Annotated[DivisionCode, Query(description="2, 4, 6, 9 or 12 digits")]
