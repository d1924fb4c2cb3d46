"""Officers as persons: read, find by number, erase."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request

from services.personnel.routes.dependencies import Eraser, Reader, whole_states
from services.personnel.schemas.answers import Erasure, Found, OfficerAnswer, OfficerSearch
from services.personnel.service.officers import Officers
from shared.web.unit import UnitOfWork

router = APIRouter(prefix="/v1/officers", tags=["officers"])


@router.post("/search")
async def find_officers(search: OfficerSearch, request: Request, who: Reader, unit: UnitOfWork) -> Found:
    """Ids of the officers with exactly this phone or citizen number; every search is audited."""
    return Found(officers=await Officers(whole_states(request, unit, who)).find(search))


@router.get("/{officer_id}")
async def read_officer(officer_id: UUID, request: Request, who: Reader, unit: UnitOfWork) -> OfficerAnswer:
    """One officer, numbers masked; 404 outside the caller's jurisdiction."""
    return await Officers(whole_states(request, unit, who)).read(officer_id)


@router.post("/{officer_id}/erasure")
async def erase_officer(
    officer_id: UUID, why: Erasure, request: Request, who: Eraser, unit: UnitOfWork
) -> OfficerAnswer:
    """Empty name, badge and numbers for ever and tell every reader (E-63); what was done stays under the id."""
    return await Officers(whole_states(request, unit, who)).erase(officer_id, why.reason)
