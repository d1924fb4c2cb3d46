"""Sheets: one's own, those of one's jurisdiction, and the printable page."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from services.scoring.errors import NoOfficerInToken
from services.scoring.routes.dependencies import Myself, Reader, TheSheets, TheVault
from services.scoring.schemas import DetailedSheet, Month, PageLink, PageLinkRequest, SchemeId, SheetView
from services.scoring.service.printing import TICKET_LIFE, Ticket, page_headers, page_of
from shared.security.audit import record_audit
from shared.security.dependencies import public
from shared.security.principal import Principal
from shared.web.unit import UnitOfWork

router = APIRouter(prefix="/v1", tags=["sheets"])


@router.get("/me/sheet")
async def my_sheet(period: Month, who: Myself, sheets: TheSheets, scheme: SchemeId | None = None) -> SheetView:
    """One's own sheet, line by line; `period` names a month it covers. 409 while nobody decided the measure period."""
    return await sheets.of(_self(who), period, scheme)


@router.get("/me/sheet/page", response_class=HTMLResponse)
async def my_page(period: Month, who: Myself, sheets: TheSheets, scheme: SchemeId | None = None) -> HTMLResponse:
    """One's own sheet as one printable page."""
    return _page(await sheets.of(_self(who), period, scheme))


@router.post("/me/page-links", status_code=201)
async def my_page_link(
    wanted: PageLinkRequest, who: Myself, sheets: TheSheets, unit: UnitOfWork, vault: TheVault, request: Request
) -> PageLink:
    """A link to one's own printable page that a browser can open without a token, for a quarter of an hour."""
    sheet = await sheets.of(_self(who), wanted.period, wanted.scheme)
    expires_at = unit.now + TICKET_LIFE
    ticket = Ticket(officer_id=sheet.officer.id, day=wanted.period, scheme=sheet.scheme.id, expires_at=expires_at)
    await record_audit(unit, who, "scoring.page_link", str(sheet.sheet_id), on_behalf_of=sheet.officer.id)
    path = f"{request.scope.get('root_path', '')}/v1/sheets/page?ticket={ticket.sealed(vault)}"
    return PageLink(url=path, expires_at=expires_at)


@router.get("/sheets/page", response_class=HTMLResponse, dependencies=[Depends(public)])
async def page(ticket: str, sheets: TheSheets, unit: UnitOfWork, vault: TheVault) -> HTMLResponse:
    """The printable page of a link; the sealed ticket in it is the permission. 403 when changed, 410 when expired."""
    opened = Ticket.opened(ticket, vault, unit.now)
    return _page(await sheets.of(opened.officer_id, opened.day, opened.scheme))


@router.get("/officers/{officer_id}/sheet")
async def sheet_of(
    officer_id: UUID,
    period: Month,
    who: Reader,
    sheets: TheSheets,
    scheme: SchemeId | None = None,
    detail: Literal["facts"] | None = None,
) -> DetailedSheet | SheetView:
    """An officer's sheet within one's jurisdiction; `detail=facts` lists the facts behind each point."""
    if detail == "facts":
        return await sheets.detailed(officer_id, period, scheme, who.division)
    return await sheets.of(officer_id, period, scheme, who.division)


def _self(who: Principal) -> UUID:
    if who.officer_id is None:
        raise NoOfficerInToken("请使用本人的令牌,或改查 /v1/officers/{officer_id}/sheet")
    return who.officer_id


def _page(sheet: SheetView) -> HTMLResponse:
    return HTMLResponse(page_of(sheet), headers=dict(page_headers()))
