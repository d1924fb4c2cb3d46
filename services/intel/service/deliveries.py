"""Orders on their way to the stations: what is sent, and what follows from how the call ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from prometheus_client import Counter

from services.intel.clients import Attempt, OrderCall
from services.intel.repository.orders import Orders
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.repository.stations import Stations
from services.intel.rules.delivery import next_wait
from services.intel.schemas import OrderBody
from shared.database.unit import Unit
from shared.security.vault import Vault

ATTEMPTS = Counter(
    "cunjing_intel_deliveries_total", "Attempts to deliver an order: delivered, retry, paused, dead.", ["outcome"]
)


def call_of(leased: Row, vault: Vault) -> OrderCall:
    """The call for a leased order. What was decided is frozen; names are those known at this attempt."""
    body = OrderBody.model_validate({**leased, "summary": leased["summary"] and vault.open(leased["summary"])})
    return OrderCall(
        url=leased["url"],
        secret=vault.open(leased["secret"]),
        webhook_id=str(leased["order_id"]),
        body=body.model_dump_json(),
    )


class Deliveries:
    """Taking an order under a lease and writing down how its call ended, in two transactions."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.orders = Orders(unit.connection)

    async def lease(self) -> Row | None:
        """The next order to deliver, if one is due."""
        return await self.orders.lease(self.unit.now)

    async def finish(self, leased: Row, attempt: Attempt, retry_seconds: Sequence[float], spread: float) -> None:
        """Note the attempt; unless the lease was lost meanwhile, also decide what happens to the order."""
        decided, values = _after(leased, attempt, retry_seconds, spread, self.unit.now)
        notes: list[tuple[str, str | None]] = [("attempt", attempt.code)]
        if await self.orders.finish(leased["order_id"], leased["lease_token"], **values):
            notes += [] if decided == "retry" else [(f"delivery_{decided}", None)]
            ATTEMPTS.labels(decided).inc()
            if decided == "paused":
                await Stations(self.unit.connection).pause(leased["station"], self.unit.now)
        entry = {"report_id": leased["report_id"], "at": self.unit.now, "to_org": leased["station"]}
        await Reports(self.unit.connection).note(*(entry | {"what": what, "code": code} for what, code in notes))


def _after(
    leased: Row, attempt: Attempt, retry_seconds: Sequence[float], spread: float, now: datetime
) -> tuple[str, dict[str, Any]]:
    if attempt.outcome == "delivered":
        return "delivered", {"delivery": "delivered", "delivered_at": now}
    if attempt.outcome == "gone":
        # 410: the order stays due and costs no attempt; the endpoint rests until somebody sets it anew.
        return "paused", {"next_at": now, "attempts": leased["attempts"] - 1}
    wait = next_wait(leased["attempts"], retry_seconds, spread)
    return ("dead", {"delivery": "dead"}) if wait is None else ("retry", {"next_at": now + wait})
