"""What intel reads: reference data, and disputes the village could not settle, which nobody enters a second time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
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
from shared.messaging.handling import Handler, Handlers, Refused
from shared.reference.handlers import reference_handlers


def report_of_activity(activity_id: UUID) -> UUID:
    """The one report an activity can lead to, however often its fact arrives."""
    return foreign_id("fieldwork.activity", str(activity_id))


def handlers(playbooks: Playbooks) -> dict[type[FactData], Handler]:
    """What intel does with each fact it reads. An activity and the verdict on it come in this order."""

    async def on_activities(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        """Record the reports; the routing timer decides them, as their scheme may not have arrived yet."""
        if rows := [_report(fact, unit) for fact in facts if _is_unsettled(fact.data)]:
            await Filing(unit, playbooks).record(rows)
        return ()

    async def on_rejections(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        """What did not happen as told is withdrawn."""
        await Withdrawal(unit).of(dict(map(_rejection, facts)))
        return ()

    own: Handlers = {ActivityRecordedV1: on_activities, ActivityRejectedV1: on_rejections}
    return {**reference_handlers("intel"), **own}


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
