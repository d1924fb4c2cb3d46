"""Where stations are called, how that goes, and what a person may do about it."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from services.intel.schemas.endpoints import Delivery, Endpoint, EndpointGiven, SecretGiven
from services.intel.service.endpoints import Endpoints
from shared.security.dependencies import requires
from shared.security.principal import Principal
from shared.web.pages import Page, PageCursor, PageLimit
from shared.web.unit import UnitOfWork

router = APIRouter(prefix="/v1/endpoints", tags=["endpoints"])

Operator = Annotated[Principal, Depends(requires("intel:operate"))]


def _use_cases(unit: UnitOfWork, request: Request) -> Endpoints:
    return Endpoints(unit, request.app.state.vault, request.app.state.allowed)


UseCases = Annotated[Endpoints, Depends(_use_cases)]


@router.get("")
async def list_endpoints(
    who: Operator, use: UseCases, after: PageCursor = None, limit: PageLimit = 100
) -> Page[Endpoint]:
    """The endpoints of all stations that serve something inside one's jurisdiction."""
    return await use.page(who, after, limit)


@router.get("/{org_id}")
async def read_endpoint(org_id: UUID, who: Operator, use: UseCases) -> Endpoint:
    """A station's endpoint, without its secrets."""
    return await use.read(org_id, who)


@router.put("/{org_id}")
async def put_endpoint(org_id: UUID, given: EndpointGiven, who: Operator, use: UseCases) -> Endpoint:
    """Set where a station receives orders, on a listed host and port; undelivered orders are tried again."""
    return await use.put(org_id, given, who)


@router.delete("/{org_id}", status_code=204)
async def delete_endpoint(org_id: UUID, who: Operator, use: UseCases) -> None:
    """Forget address and secrets; what is not delivered waits until an endpoint is set again."""
    await use.delete(org_id, who)


@router.post("/{org_id}/pause")
async def pause_endpoint(org_id: UUID, who: Operator, use: UseCases) -> Endpoint:
    """Send nothing to this station but tests until it is resumed or set anew."""
    return await use.pause(org_id, who)


@router.post("/{org_id}/resume")
async def resume_endpoint(org_id: UUID, who: Operator, use: UseCases) -> Endpoint:
    """Go on at once, whatever made it rest: everything pending is due."""
    return await use.resume(org_id, who)


@router.post("/{org_id}/secret")
async def rotate_secret(org_id: UUID, given: SecretGiven, who: Operator, use: UseCases) -> Endpoint:
    """Replace the secret; for a time calls are signed with both, and both are taken from the station."""
    return await use.rotate(org_id, given, who)


@router.post("/{org_id}/test", status_code=202)
async def test_endpoint(org_id: UUID, who: Operator, use: UseCases) -> Delivery:
    """Send one signed `endpoint.test`, also while the endpoint is paused; the delivery tells how it ended."""
    return await use.test(org_id, who)


@router.get("/{org_id}/deliveries")
async def list_deliveries(
    org_id: UUID,
    who: Operator,
    use: UseCases,
    state: Literal["pending", "delivered", "dead"] | None = None,
    after: PageCursor = None,
    limit: PageLimit = 100,
) -> Page[Delivery]:
    """What was and is to be sent to a station, the newest first."""
    return await use.deliveries(org_id, who, state, after, limit)


@router.get("/{org_id}/deliveries/{delivery_id}")
async def read_delivery(org_id: UUID, delivery_id: UUID, who: Operator, use: UseCases) -> Delivery:
    """One delivery and how its last call ended."""
    return await use.delivery(org_id, delivery_id, who)


@router.post("/{org_id}/deliveries/{delivery_id}/send")
async def send_again(org_id: UUID, delivery_id: UUID, who: Operator, use: UseCases) -> Delivery:
    """Send it again from the first attempt on, under the same webhook-id, whatever became of it."""
    return await use.send_again(org_id, delivery_id, who)
