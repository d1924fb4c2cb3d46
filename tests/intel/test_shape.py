"""What is particular about intel: stations sign their calls, and a loop of its own delivers to them."""

from __future__ import annotations

from services.intel.app import create_app, create_worker
from shared.security.dependencies import protections
from tests.intel.support import Intel, Receiver, running, until


async def test_a_call_of_a_station_is_protected_by_its_signature(blank: Intel) -> None:
    app = create_app(blank.settings)
    assert protections(app)["POST /v1/station-callbacks/{org_id}"] == "signature_protected"


async def test_the_worker_delivers_webhooks(intel: Intel, receiver: tuple[Receiver, str]) -> None:
    server, url = receiver
    report = await intel.ordered()
    await intel.put_endpoint(url)
    worker = create_worker(intel.settings)
    async with running(*(loop.run for loop in worker.loops)):
        await until(lambda: _has_arrived(intel))
    await worker.database.close()
    assert [call["headers"]["webhook-id"] for call in server.calls] == [report["order"]["order_id"]]


async def _has_arrived(intel: Intel) -> bool:
    return bool(await intel.rows("SELECT 1 FROM delivery WHERE state = 'delivered'"))
