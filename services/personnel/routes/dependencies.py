"""Who asks, and the use cases of one request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from services.personnel.service.schemes import Schemes
from services.personnel.service.states import WholeStates
from shared.database.unit import Unit
from shared.security.dependencies import requires
from shared.security.principal import Principal

Reader = Annotated[Principal, Depends(requires("personnel:read"))]
Writer = Annotated[Principal, Depends(requires("personnel:write"))]
Binder = Annotated[Principal, Depends(requires("personnel:bindings"))]
Eraser = Annotated[Principal, Depends(requires("personnel:erase"))]


def whole_states(request: Request, unit: Unit, who: Principal) -> WholeStates:
    """The use cases with this request's transaction and the service's vault."""
    return WholeStates(unit, request.app.state.vault, who, Schemes(request.app.state.settings.schemes_dir))
