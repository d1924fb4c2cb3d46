"""What is sent to a station, and what follows from how the call ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from prometheus_client import Counter

from services.intel.clients import Attempt, OutgoingCall
from services.intel.repository.deliveries import Deliveries as Rows
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.repository.stations import Stations
from services.intel.rules.delivery import After, Call, Delivery, Endpoint, after, retry_after
from services.intel.schemas.stations import OrderBody, TestBody
from services.intel.service.signing import secrets_of
from shared.database.unit import Unit
from shared.security.vault import Vault

ATTEMPTS = Counter(
    "cunjing_intel_deliveries_total", "Attempts to deliver: delivered, retry, paused, dead.", ["outcome"]
)
# Of an endpoint that was deleted while its call was on the way.
_GONE = Endpoint(paused=False, failures=0, proven=False, rests_until=None, asked_until=None)


def call_of(leased: Row, vault: Vault, now: datetime) -> OutgoingCall:
    """The call for a leased delivery. What was decided is frozen; names are those known at this attempt."""
    secret, *former = secrets_of(leased, vault, now)
    return OutgoingCall(leased["url"], secret, tuple(former), str(leased["delivery_id"]), _body(leased, vault))


def _body(leased: Row, vault: Vault) -> str:
    told = {**leased, "type": leased["event"]}
    if leased["report_id"] is None:
        return TestBody.model_validate(told).model_dump_json()
    summary = leased["summary"] and vault.open(leased["summary"])
    return OrderBody.model_validate(told | {"summary": summary}).model_dump_json()


class Deliveries:
    """Taking deliveries under a lease and writing down how each call ended, in two transactions."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.rows = Rows(unit.connection)
        self.stations = Stations(unit.connection)

    async def lease(self, proven: bool, places: int) -> list[Row]:
        """The next deliveries that are due, of endpoints that are proven or of those that are not."""
        return await self.rows.lease(self.unit.now, proven, places)

    async def finish(self, leased: Row, attempt: Attempt, schedule: Sequence[float], spread: float) -> None:
        """Note the attempt; unless the lease was lost meanwhile, also decide what follows from it."""
        # The endpoint before the delivery: whoever takes deliveries locks them in this order.
        endpoint = await self.stations.lock(leased["station"])
        row = await self.rows.leased(leased["delivery_id"], leased["lease_token"])
        notes: list[tuple[str, str | None]] = [("attempt", attempt.code)]
        if row is not None:
            call = Call(attempt.outcome, retry_after(attempt.retry_after, self.unit.now))
            decided = after(call, _delivery(row), _endpoint(endpoint), schedule, spread, self.unit.now)
            await self._write(row, endpoint, decided, attempt)
            notes += [] if decided.decided == "retry" else [(f"delivery_{decided.decided}", None)]
        await self._note(leased, notes)

    async def _write(self, row: Row, endpoint: Row | None, decided: After, attempt: Attempt) -> None:
        now, (_, state, attempts, next_at) = self.unit.now, decided.delivery
        values = {"state": state, "attempts": attempts, "next_at": next_at, "code": attempt.code, "called_at": now}
        if decided.decided == "delivered":
            values["delivered_at"] = now
        await self.rows.set(row["delivery_id"], values)
        if endpoint is not None:
            await self.stations.set(row["station"], _changed(endpoint, decided, now))
        if decided.hasten:
            await self.rows.hasten(row["station"], now)
        ATTEMPTS.labels(decided.decided).inc()

    async def _note(self, leased: Row, notes: Sequence[tuple[str, str | None]]) -> None:
        if leased["report_id"] is None:
            return
        entry = {"report_id": leased["report_id"], "at": self.unit.now, "to_org": leased["station"]}
        await Reports(self.unit.connection).note(*(entry | {"what": what, "code": code} for what, code in notes))


def _delivery(row: Row) -> Delivery:
    return Delivery(row["event"], row["state"], row["attempts"], row["next_at"])


def _endpoint(row: Row | None) -> Endpoint:
    if row is None:
        return _GONE
    proven, paused = row["succeeded_at"] is not None, row["paused_at"] is not None
    return Endpoint(paused, row["failures"], proven, row["rests_until"], row["asked_until"])


def _changed(row: Row, decided: After, now: datetime) -> dict[str, Any]:
    stands = decided.endpoint
    values: dict[str, Any] = {
        "failures": stands.failures,
        "rests_until": stands.rests_until,
        "asked_until": stands.asked_until,
    }
    if stands.paused and row["paused_at"] is None:
        values |= {"paused_at": now, "paused_because": "gone"}
    if decided.decided == "delivered":
        values["succeeded_at"] = now
    return values
