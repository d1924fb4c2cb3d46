"""The API of fieldwork: what phones send, what stations decide, what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.fieldwork.schemas.batches import (
    CertificateBatch,
    ForeignVillageBatch,
    RosterBatch,
    RosterConfirmationBatch,
    SyncBatch,
    VerdictBatch,
)
from services.fieldwork.schemas.given import Revocation
from services.fieldwork.schemas.told import (
    ActivityView,
    BatchOutcome,
    Changes,
    RevokedCertificate,
    WaitingActivity,
    WaitingRoster,
)
from services.fieldwork.service.certification import Certification
from services.fieldwork.service.entries import FINE
from services.fieldwork.service.foreign_villages import ForeignVillages
from services.fieldwork.service.reading import VERIFY, Reading
from services.fieldwork.service.roster_corrections import RosterCorrections
from services.fieldwork.service.rosters import Rosters
from services.fieldwork.service.sync import Sync
from services.fieldwork.service.verification import Verification
from shared.security.dependencies import requires
from shared.security.principal import Principal
from shared.web.json import to_json
from shared.web.pages import Page, PageCursor, PageLimit
from shared.web.unit import UnitOfWork

router = APIRouter(prefix="/v1", tags=["fieldwork"])

Sender = Annotated[Principal, Depends(requires("fieldwork:sync"))]
Verifier = Annotated[Principal, Depends(requires(VERIFY))]
Namer = Annotated[Principal, Depends(requires("fieldwork:foreign-villages"))]
Reader = Annotated[Principal, Depends(requires("fieldwork:read"))]

_BATCH: dict[str, Any] = {
    "response_model": BatchOutcome,
    "responses": {207: {"model": BatchOutcome, "description": "有条目未被接受,见各项 problem"}},
}


@router.post("/sync", **_BATCH)
async def sync(batch: SyncBatch, who: Sender, unit: UnitOfWork, request: Request) -> Response:
    """Take what phones collected. 200 when all is created or duplicate, else 207; resend what is `retryable`."""
    state = request.app.state
    return _told(await Sync(unit, who, state.kinds, state.vault).take(batch.items))


@router.post("/activities/verifications", **_BATCH)
async def verify_activities(batch: VerdictBatch, who: Verifier, unit: UnitOfWork, request: Request) -> Response:
    """Confirm or reject activities (A-201). The second of two verdicts at once gets 409 naming the first."""
    state = request.app.state
    return _told(await Verification(unit, who, state.kinds, state.vault).decide(batch.verdicts))


@router.get("/activities/{activity_id}")
async def read_activity(activity_id: UUID, who: Reader, unit: UnitOfWork, request: Request) -> ActivityView:
    """One activity and every verdict on it."""
    return await Reading(unit, who).activity(activity_id, request.app.state.vault)


@router.get("/stations/{org_id}/waiting")
async def list_waiting(
    org_id: UUID, who: Reader, unit: UnitOfWork, after: PageCursor = None, limit: PageLimit = 100
) -> Page[WaitingActivity]:
    """What waits for a station's verdict, oldest work first."""
    return await Reading(unit, who).waiting(org_id, after, limit)


@router.post("/certificates", **_BATCH)
async def certify(batch: CertificateBatch, who: Verifier, unit: UnitOfWork, request: Request) -> Response:
    """The station certifies that villages had no dispute, or no instability, in a month (A-202)."""
    state = request.app.state
    return _told(await Certification(unit, who, state.kinds, state.vault).certify(batch.items))


@router.post("/certificates/{certificate_id}/revocation")
async def revoke_certificate(
    certificate_id: UUID, revocation: Revocation, who: Verifier, unit: UnitOfWork, request: Request
) -> RevokedCertificate:
    """Take a certificate back; another may be given afterwards."""
    state = request.app.state
    revoked = await Certification(unit, who, state.kinds, state.vault).revoke(certificate_id, revocation)
    return RevokedCertificate.model_validate(revoked)


@router.post("/rosters", **_BATCH)
async def enter_rosters(batch: RosterBatch, who: Verifier, unit: UnitOfWork, request: Request) -> Response:
    """Put officers on duty or take them off it (F-021); attendance is judged when the day is over.

    Before its day an entry holds. From the day on it is a correction: it needs a reason, is told as `waiting`, and
    counts once somebody else has confirmed it.
    """
    state = request.app.state
    return _told(await Rosters(unit, who, state.kinds, state.vault).enter(batch.items))


@router.post("/rosters/confirmations", **_BATCH)
async def confirm_rosters(
    batch: RosterConfirmationBatch, who: Verifier, unit: UnitOfWork, request: Request
) -> Response:
    """Confirm or refuse corrections of rosters: somebody else than who made them, and than whom they are about."""
    state = request.app.state
    return _told(await RosterCorrections(unit, who, state.kinds, state.vault).decide(batch.items))


@router.get("/rosters/waiting")
async def list_waiting_rosters(
    who: Reader, unit: UnitOfWork, request: Request, after: PageCursor = None, limit: PageLimit = 100
) -> Page[WaitingRoster]:
    """Corrections of rosters that nobody has confirmed or refused, the oldest first."""
    state = request.app.state
    return await RosterCorrections(unit, who, state.kinds, state.vault).waiting(after, limit)


@router.post("/foreign-villages", **_BATCH)
async def keep_foreign_villages(batch: ForeignVillageBatch, who: Namer, unit: UnitOfWork, request: Request) -> Response:
    """Say what another system calls villages, so that its items may name them `{system, id}`."""
    return _told(await ForeignVillages(unit, who, request.app.state.vault).keep(batch.items))


@router.get("/changes")
async def list_changes(
    who: Reader,
    unit: UnitOfWork,
    county: Annotated[str | None, Query(pattern=r"^[0-9]{6}$", description="县级区划代码,缺省为令牌所属县")] = None,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: PageLimit = 500,
) -> Changes:
    """What became of each item, in the order it was committed; nothing is lost between two calls."""
    return await Reading(unit, who).changes(county, after, limit)


def _told(outcomes: Sequence[dict[str, Any]]) -> Response:
    fine = all(told["outcome"] in FINE for told in outcomes)
    return Response(to_json({"items": outcomes}), 200 if fine else 207, media_type="application/json")
