"""Who asks, and the use cases of one request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from services.scoring.service.reading import Sheets
from services.scoring.service.rubrics import Rubrics
from shared.security.dependencies import requires
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.unit import UnitOfWork

Reader = Annotated[Principal, Depends(requires("scoring:read"))]
Myself = Annotated[Principal, Depends(requires("scoring:own"))]
"""A phone: of scoring it reads its officer's own sheet and nothing else."""
Recomputer = Annotated[Principal, Depends(requires("scoring:recompute"))]


def rubrics(request: Request) -> Rubrics:
    """The rubrics of this process."""
    loaded: Rubrics = request.app.state.rubrics
    return loaded


def vault(request: Request) -> Vault:
    """The keys of this process."""
    held: Vault = request.app.state.vault
    return held


def sheets(unit: UnitOfWork, loaded: Annotated[Rubrics, Depends(rubrics)]) -> Sheets:
    """Reading in this request's transaction."""
    return Sheets(unit, loaded)


TheRubrics = Annotated[Rubrics, Depends(rubrics)]
TheVault = Annotated[Vault, Depends(vault)]
TheSheets = Annotated[Sheets, Depends(sheets)]
