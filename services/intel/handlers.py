"""What intel reads: reference data, and disputes the village could not settle, which nobody enters a second time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from services.intel.repository.matters import Matters
from services.intel.rules.escalation import activity_signs
from services.intel.service.filing import Filing
from services.intel.service.playbooks import Playbooks
from services.intel.service.settling import Settling, Verdict
from services.intel.service.withdrawal import Rejection, Withdrawal
from shared.contracts.base import FactData
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import ActivityRecordedV1, ActivityRejectedV1, ActivityVerifiedV1
from shared.database.unit import Unit
from shared.ids import county_id, matter_of
from shared.messaging.handling import Handler, Handlers, Refused
from shared.reference.handlers import reference_handlers


def report_of_activity(village: str, activity_id: UUID) -> UUID:
    """The one report an activity can lead to, however often its fact arrives."""
    return county_id(village[:6], "fieldwork.activity", str(activity_id))


def handlers(playbooks: Playbooks) -> dict[type[FactData], Handler]:
    """What intel does with each fact it reads. An activity and the verdict on it come in this order."""

    async def on_activities(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        """Record the reports; the routing timer decides them, as their scheme may not have arrived yet."""
        disputes = [fact for fact in facts if fact.data.kind == "dispute"]
        owners = await _owners(disputes, unit)
        if rows := [_report(fact, unit, owners) for fact in disputes if activity_signs(fact.data.details)]:
            await Filing(unit, playbooks).record(rows)
        settled = [_settled(fact, owners) for fact in disputes if fact.data.details.get("state") == "resolved"]
        await Matters(unit.connection).remember_settled(settled)
        return ()

    async def on_verdicts(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        """What was settled in the village and confirmed is closed."""
        await Settling(unit).confirmed([_verdict(fact.data) for fact in facts])
        return ()

    async def on_rejections(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        """What did not happen as told is withdrawn."""
        await Withdrawal(unit).of(dict(map(_rejection, facts)))
        await Settling(unit).taken_back([fact.data.activity_id for fact in facts])
        return ()

    own: Handlers = {
        ActivityRecordedV1: on_activities,
        ActivityVerifiedV1: on_verdicts,
        ActivityRejectedV1: on_rejections,
    }
    return {**reference_handlers("intel"), **own}


def _named(activity: ActivityRecordedV1) -> UUID:
    """A dispute without a code is a matter of its own."""
    return activity.matter_id or activity.activity_id


async def _owners(disputes: Sequence[Fact[ActivityRecordedV1]], unit: Unit) -> dict[UUID, str]:
    """The counties of their matters; one that nobody named before is the first one's."""
    matters, counties = Matters(unit.connection), {_named(f.data): f.data.village[:6] for f in reversed(disputes)}
    await matters.add(counties)
    return await matters.owners(counties.keys())


def _matter(activity: ActivityRecordedV1, owners: Mapping[UUID, str]) -> UUID:
    named = _named(activity)
    return matter_of(named, activity.village[:6], owners.get(named), may_use=False)


def _report(fact: Fact[ActivityRecordedV1], unit: Unit, owners: Mapping[UUID, str]) -> Mapping[str, Any]:
    activity = fact.data
    return {
        "report_id": report_of_activity(activity.village, activity.activity_id),
        "matter_id": _matter(activity, owners),
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


def _settled(fact: Fact[ActivityRecordedV1], owners: Mapping[UUID, str]) -> Mapping[str, Any]:
    activity = fact.data
    at = activity.until or activity.since
    return {"activity_id": activity.activity_id, "matter_id": _matter(activity, owners), "settled_at": at}


def _verdict(verified: ActivityVerifiedV1) -> Verdict:
    return Verdict(verified.activity_id, verified.verifier_org, verified.true_situation, verified.record_seen)


def _rejection(fact: Fact[ActivityRejectedV1]) -> tuple[UUID, Rejection]:
    verdict = fact.data
    return verdict.activity_id, Rejection(verdict.cause, fact.time, verdict.decided_by, fact.actor_org)
