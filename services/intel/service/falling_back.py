"""What came back or did not arrive goes to the parent unit by itself, where the scheme says so (I-102)."""

from __future__ import annotations

from services.intel.repository.known import Known
from services.intel.repository.orders import Orders
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.service.ordering import Ordering
from services.intel.service.playbooks import Playbooks
from shared.database.unit import Unit

AT_ONCE = 20


class FallingBack:
    """The timer that orders anew without a person."""

    def __init__(self, playbooks: Playbooks) -> None:
        self._playbooks = playbooks

    async def tick(self, unit: Unit) -> bool:
        """True when there may be more. Without a parent unit an order stays in the queue."""
        schemes = self._playbooks.falling_back()
        if not schemes:
            return False
        resting = await Orders(unit.connection).to_fall_back(schemes, AT_ONCE)
        for order in resting:
            await self._pass_on(unit, order)
        return len(resting) == AT_ONCE

    async def _pass_on(self, unit: Unit, order: Row) -> None:
        parent = await Known(unit.connection).organisation(order["parent"])
        report = await Reports(unit.connection).get(order["report_id"])
        if parent and report:
            await Ordering(unit).anew(report, order, order["parent"], order["station"])
