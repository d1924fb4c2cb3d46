"""What waits for stations, for those who watch."""

from __future__ import annotations

from typing import get_args

from services.intel.repository.deliveries import Deliveries
from services.intel.repository.orders import Orders
from services.intel.schemas import Rests
from shared.database.unit import Unit
from shared.observability import metrics

_GAUGES = {
    "waiting": metrics.DELIVERIES_WAITING,
    "paused": metrics.DELIVERIES_PAUSED,
    "dead": metrics.DELIVERIES_DEAD,
    "oldest": metrics.DELIVERY_OLDEST_SECONDS,
    "unacknowledged": metrics.ORDERS_UNACKNOWLEDGED,
    "oldest_unacknowledged": metrics.ORDER_UNACKNOWLEDGED_SECONDS,
}


async def show_deliveries(unit: Unit) -> bool:
    """Count anew; there is never more to do at once."""
    counts = await Deliveries(unit.connection).counts(unit.now)
    for name, gauge in _GAUGES.items():
        gauge.set(float(counts[name]))
    resting = await Orders(unit.connection).resting()
    for rests in get_args(Rests):
        orders, oldest = resting.get(rests, (0, unit.now))
        metrics.ORDERS_RESTING.labels(rests).set(orders)
        metrics.ORDER_RESTS_SECONDS.labels(rests).set((unit.now - oldest).total_seconds())
    return False
