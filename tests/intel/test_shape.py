"""What is particular about intel: stations sign their calls, and a loop of its own delivers to them."""

from __future__ import annotations

from services.intel.app import create_app, create_worker
from shared.security.dependencies import protections
from tests.intel.support import Intel


async def test_a_call_of_a_station_is_protected_by_its_signature(blank: Intel) -> None:
    app = create_app(blank.settings)
    assert protections(app)["POST /v1/station-callbacks/{org_id}"] == "signature_protected"


async def test_the_worker_delivers_webhooks(blank: Intel) -> None:
    worker = create_worker(blank.settings)
    assert [loop.name for loop in worker.loops] == ["webhooks"]
    await worker.database.close()
