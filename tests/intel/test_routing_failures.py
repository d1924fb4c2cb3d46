"""One report that cannot be routed is put off and shows why; the others reach their stations."""

from __future__ import annotations

from typing import Any

import pytest

from services.intel.service.playbooks import Playbooks
from services.intel.service.routing import Routing
from services.intel.service.routing_ticks import RoutingTicks
from tests.intel.support import Intel


async def _until_quiet(intel: Intel, ticks: RoutingTicks) -> None:
    """As the worker's ticker does it."""
    more = True
    while more:
        try:
            async with intel.database.unit() as unit:
                more = await ticks.tick(unit)
        except Exception as error:
            async with intel.database.unit() as unit:
                await ticks.failed(unit, error)


async def test_one_report_that_cannot_be_routed_delays_nobody(intel: Intel, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [(await intel.ordered())["report_id"] for _ in range(4)]
    async with intel.database.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM delivery")
        await connection.exec_driver_sql(
            "UPDATE report SET state = 'awaiting_station', next_try_at = now(), order_id = NULL, hop = 0"
        )
        await connection.exec_driver_sql("DELETE FROM station_order")
    moved = Routing._move

    def fails_for_one(self: Routing, row: Any, *known: Any) -> Any:
        if str(row["report_id"]) == ids[1]:
            raise RuntimeError
        return moved(self, row, *known)

    monkeypatch.setattr(Routing, "_move", fails_for_one)
    await _until_quiet(intel, RoutingTicks(Playbooks(None)))

    rows = await intel.rows("SELECT report_id, next_try_at > now() + interval '50 seconds' AS put_off FROM report")
    assert {str(row.report_id) for row in rows if row.put_off} >= {ids[1]}
    timeline = (await intel.report(ids[1]))["timeline"]
    assert [(moment["what"], moment["code"]) for moment in timeline][-1] == ("routing_failed", "RuntimeError")
    for other in (ids[0], *ids[2:]):
        assert "routing_failed" not in [m["what"] for m in (await intel.report(other))["timeline"]]
