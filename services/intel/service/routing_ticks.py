"""When waiting reports are routed, and what becomes of one that cannot be: it is put off, and the others go on."""

from __future__ import annotations

from datetime import timedelta

import structlog

from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.service.playbooks import Playbooks
from services.intel.service.routing import AT_ONCE, Routing
from shared.database.unit import Unit
from shared.messaging.one_by_one import OneByOne
from shared.observability.metrics import REPORTS_NOT_ROUTED

log = structlog.get_logger(__name__)

PUT_OFF = timedelta(minutes=1)


class RoutingTicks:
    """Takes waiting reports together; after a failure one at a time, until the one that causes it is found."""

    def __init__(self, playbooks: Playbooks) -> None:
        self._playbooks = playbooks
        self._together = OneByOne[Row](AT_ONCE)

    async def tick(self, unit: Unit) -> bool:
        """Move on every waiting report whose next try has come; True when there may be more."""
        routing = Routing(unit, self._playbooks)
        most = self._together.size()
        waiting = await routing.reports.due_to_route(unit.now, most)
        self._together.took(waiting)
        await routing.route(waiting)
        return len(waiting) == most

    async def failed(self, unit: Unit, error: Exception) -> None:
        """A report that fails alone shows why in its timeline and is tried again a minute later."""
        report = self._together.culprit(error)
        if report is None:
            return
        report_id = report["report_id"]
        log.error("report.not_routed", report_id=str(report_id), error=type(error).__name__, exc_info=error)
        REPORTS_NOT_ROUTED.labels("intel").inc()
        reports = Reports(unit.connection)
        await reports.change([{"report_id": report_id, "next_try_at": unit.now + PUT_OFF}])
        note = {"report_id": report_id, "at": unit.now, "what": "routing_failed", "code": type(error).__name__}
        await reports.note(note)
