"""What waits for stations, for those who watch."""

from __future__ import annotations

from prometheus_client import Gauge

from services.intel.repository.deliveries import Deliveries
from shared.database.unit import Unit

WAITING = Gauge("cunjing_intel_deliveries_waiting", "Deliveries that will be sent by themselves.")
PAUSED = Gauge("cunjing_intel_deliveries_paused", "Deliveries whose station's endpoint is paused or not set.")
DEAD = Gauge("cunjing_intel_deliveries_dead", "Deliveries given up until a person sends them again.")
OLDEST_SECONDS = Gauge("cunjing_intel_delivery_oldest_seconds", "Age of the oldest delivery that waits or is paused.")
UNACKNOWLEDGED = Gauge("cunjing_intel_orders_unacknowledged", "Orders delivered of which the station has said nothing.")
UNACKNOWLEDGED_SECONDS = Gauge(
    "cunjing_intel_order_unacknowledged_seconds", "Time since the oldest of them was delivered."
)

_GAUGES = {
    "waiting": WAITING,
    "paused": PAUSED,
    "dead": DEAD,
    "oldest": OLDEST_SECONDS,
    "unacknowledged": UNACKNOWLEDGED,
    "oldest_unacknowledged": UNACKNOWLEDGED_SECONDS,
}


async def show_deliveries(unit: Unit) -> bool:
    """Count anew; there is never more to do at once."""
    counts = await Deliveries(unit.connection).counts(unit.now)
    for name, gauge in _GAUGES.items():
        gauge.set(float(counts[name]))
    return False
