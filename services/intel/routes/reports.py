"""Reports, what became of them, and what the stations say."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from services.intel.schemas import (
    Filed,
    Matter,
    NewOrder,
    NewReport,
    Order,
    Ordered,
    OwnReport,
    Report,
    ReportLine,
    ReportWithdrawal,
    Resting,
    Rests,
    State,
)
from services.intel.schemas.stations import Callback, CallbackAnswer
from services.intel.service.callbacks import Callbacks
from services.intel.service.filing import Filing
from services.intel.service.ordering import Ordering
from services.intel.service.reading import Reading
from shared.security.dependencies import requires, signature_protected
from shared.security.principal import Principal
from shared.web.divisions import DivisionFilter
from shared.web.pages import Page, PageCursor, PageLimit
from shared.web.unit import UnitOfWork

router = APIRouter(prefix="/v1", tags=["intel"])

Reporter = Annotated[Principal, Depends(requires("intel:report"))]
Reader = Annotated[Principal, Depends(requires("intel:read"))]
Dispatcher = Annotated[Principal, Depends(requires("intel:dispatch"))]


@router.post("/reports", status_code=201, responses={200: {"model": Filed, "description": "同一上报已收到过"}})
async def file_report(new: NewReport, who: Reporter, unit: UnitOfWork, request: Request, response: Response) -> Filed:
    """File a report (I-001, I-002). 201 created, 200 duplicate, 409 `retryable` while something is not known here."""
    state = request.app.state
    filed = await Filing(unit, state.playbooks).file(new, who, state.vault)
    if filed.outcome == "duplicate":
        response.status_code = 200
    return filed


@router.get("/reports")
async def list_reports(
    who: Reader,
    unit: UnitOfWork,
    division: DivisionFilter,
    state: State | None = None,
    after: PageCursor = None,
    limit: PageLimit = 100,
) -> Page[ReportLine]:
    """Reports inside one's jurisdiction and clearance, the newest first."""
    return await Reading(unit).page(who, division, state, after, limit)


@router.get("/reports/{report_id}")
async def read_report(report_id: UUID, who: Reader, unit: UnitOfWork, request: Request) -> Report:
    """One report with its timeline: every hop, every delivery attempt, every answer."""
    return await Reading(unit).report(report_id, who, request.app.state.vault)


@router.post("/reports/{report_id}/withdrawal")
async def withdraw_report(
    report_id: UUID, why: ReportWithdrawal, who: Reporter, unit: UnitOfWork, request: Request
) -> Filed:
    """Take one's own report back, as a new record; a station that has it in hand is told and decides."""
    return await Filing(unit, request.app.state.playbooks).withdraw(report_id, why.reason, who)


@router.get("/me/reports")
async def list_own_reports(
    who: Reporter,
    unit: UnitOfWork,
    request: Request,
    officer: UUID | None = None,
    after: PageCursor = None,
    limit: PageLimit = 100,
) -> Page[OwnReport]:
    """What became of one's own reports, each in a sentence (I-307); `officer` for a backend with act-as."""
    return await Reading(unit).own(who, officer, request.app.state.playbooks, after, limit)


@router.get("/stations/{org_id}/orders")
async def list_station_orders(
    org_id: UUID, who: Reader, unit: UnitOfWork, request: Request, after: PageCursor = None, limit: PageLimit = 100
) -> Page[Order]:
    """A station's orders and how far their delivery got, the newest first."""
    return await Reading(unit).station_orders(org_id, who, request.app.state.vault, after, limit)


@router.get("/matters/{matter_id}")
async def read_matter(
    matter_id: UUID, who: Reader, unit: UnitOfWork, request: Request, after: PageCursor = None, limit: PageLimit = 100
) -> Matter:
    """All that is known of one matter: its orders and, the newest first, its reports (C-49)."""
    return await Reading(unit).matter(matter_id, who, request.app.state.vault, after, limit)


@router.get("/queue")
async def list_queue(
    who: Reader,
    work: UnitOfWork,
    request: Request,
    division: DivisionFilter,
    unit: UUID | None = None,
    rests: Rests | None = None,
    after: PageCursor = None,
    limit: PageLimit = 100,
) -> Page[Resting]:
    """Orders that came back, did not arrive or were not taken: they wait for a person of the `unit` that sent them."""
    vault = request.app.state.vault
    return await Reading(work).queue(who, vault, division=division, unit=unit, rests=rests, after=after, limit=limit)


@router.post("/reports/{report_id}/orders", status_code=201)
async def order_report(
    report_id: UUID, given: NewOrder, who: Dispatcher, unit: UnitOfWork, request: Request
) -> Ordered:
    """Order a report anew, or one that no rule escalated, to any unit with a reason; the order it has is withdrawn."""
    return Ordered(order_id=await Ordering(unit).order(report_id, given, who, request.app.state.vault))


@router.post(
    "/station-callbacks/{org_id}",
    dependencies=[Depends(signature_protected)],
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Callback.model_json_schema()}}}
    },
)
async def take_callback(org_id: UUID, request: Request, unit: UnitOfWork) -> CallbackAnswer:
    """A station's signed answer (Standard Webhooks, over the raw bytes); a repeat gets the first answer again."""
    body = await request.body()
    return await Callbacks(unit, request.app.state.vault).take(org_id, request.headers, body)
