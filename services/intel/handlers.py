"""fieldwork.activity: a dispute that the village could not settle is reported without being entered again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from services.intel.rules.escalation import activity_signs
from services.intel.service.filing import Filing
from services.intel.service.playbooks import Playbooks
from services.intel.service.withdrawal import Rejection, Withdrawal
from shared.contracts.base import FactData
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import ActivityRecordedV1, ActivityRejectedV1
from shared.database.unit import Unit
from shared.ids import foreign_id
from shared.messaging.handling import Handler, Refused

D = TypeVar("D", bound=FactData)


def report_of_activity(activity_id: UUID) -> UUID:
    """The one report an activity can lead to, however often its fact arrives."""
    return foreign_id("fieldwork.activity", str(activity_id))


def activity_handler(playbooks: Playbooks) -> Handler:
    """The handler of the topic."""

    async def on_activity_facts(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        """Record the reports; the routing timer decides them, as their scheme may not have arrived yet.

        An activity and the verdict on it come in this order, also within a batch.
        """
        rows = [_report(fact, unit) for fact in _only(facts, ActivityRecordedV1) if _is_unsettled(fact.data)]
        if rows:
            await Filing(unit, playbooks).record(rows)
        rejections = dict(map(_rejection, _only(facts, ActivityRejectedV1)))
        if rejections:
            await Withdrawal(unit).of(rejections)
        return ()

    return on_activity_facts


def _only(facts: Sequence[Fact[Any]], kind: type[D]) -> Iterator[Fact[D]]:
    return (fact for fact in facts if isinstance(fact.data, kind))


def _is_unsettled(activity: ActivityRecordedV1) -> bool:
    return activity.kind == "dispute" and bool(activity_signs(activity.details))


def _report(fact: Fact[ActivityRecordedV1], unit: Unit) -> Mapping[str, Any]:
    activity = fact.data
    return {
        "report_id": report_of_activity(activity.activity_id),
        "matter_id": activity.matter_id or activity.activity_id,
        "kind": "dispute",
        "category": str(activity.details.get("category", "")),
        "village": activity.village,
        "reporter": activity.done_by,
        "source": "activity",
        "activity_id": activity.activity_id,
        "noticed_at": activity.since,
        "reported_at": fact.recorded_at or unit.now,
        "signs": list(activity_signs(activity.details)),
        "classification": fact.classification,
        "actor": fact.actor,
    }


def _rejection(fact: Fact[ActivityRejectedV1]) -> tuple[UUID, Rejection]:
    verdict = fact.data
    rejection = Rejection(verdict.cause, fact.time, verdict.decided_by, fact.actor_org)
    return report_of_activity(verdict.activity_id), rejection
