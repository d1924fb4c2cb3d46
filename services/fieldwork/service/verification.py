"""Verdicts: somebody else than the author confirms or rejects work, and may be overruled from above (A-201, A-208)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row

from services.fieldwork.errors.deciding import (
    ActivityNotFound,
    AlreadyDecided,
    NothingToReplace,
    ReasonRequired,
    ReplacerNotAbove,
    Superseded,
    VerifierIsAuthor,
    VerifierWasPresent,
)
from services.fieldwork.errors.items import QuantityAboveClaimed
from services.fieldwork.repository import activities as repository
from services.fieldwork.repository import changes
from services.fieldwork.repository.changes import Change
from services.fieldwork.repository.holders import Asked
from services.fieldwork.rules import verdicts as rules
from services.fieldwork.rules.verdicts import Standing
from services.fieldwork.schemas.given import Reject, Verify
from services.fieldwork.service.acts import Deciders
from services.fieldwork.service.batches import Reader, conclude, meaning_of, outcome_dict
from services.fieldwork.service.entries import Entry
from services.fieldwork.service.kinds import Kinds
from services.fieldwork.service.naming import Naming
from services.fieldwork.service.references import References
from shared.clock import shanghai_day
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import ActivityRejectedV1, ActivityVerifiedV1
from shared.database.unit import Unit
from shared.ids import new_id
from shared.reference.people import Person
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.problems import Problem

Verdict = Verify | Reject

_TYPES: dict[str, TypeAdapter[Verdict]] = {"verify": TypeAdapter(Verify), "reject": TypeAdapter(Reject)}


@dataclass(frozen=True, slots=True)
class Given:
    """A verdict before or in this batch: its place, its content, what it says."""

    content_hash: bytes | None
    meaning_hash: bytes | None
    standing: Standing

    def is_said_by(self, entry: Entry[Verdict]) -> bool:
        """Whether the entry says or means this verdict."""
        return entry.content_hash == self.content_hash or entry.meaning_hash == self.meaning_hash is not None


class Verification:
    """One call of `POST /v1/activities/verifications`."""

    def __init__(self, unit: Unit, who: Principal, kinds: Kinds, vault: Vault) -> None:
        self._unit = unit
        self._who = who
        self._kinds = kinds
        self._vault = vault
        self._today = shanghai_day(unit.now)
        self._given: dict[UUID, list[Given]] = {}
        self._rows: list[dict[str, Any]] = []
        self._verdict_ids: dict[int, UUID] = {}

    async def decide(self, raw_verdicts: Sequence[Any]) -> list[dict[str, Any]]:
        """Let each permitted verdict stand; tell of the others why not, naming the verdict that stands."""
        entries = await Reader(self._vault, _TYPES, lambda raw: raw.get("verdict")).read(raw_verdicts)
        known = await References.of(self._unit, self._who, [e.given.verified_by for e in entries if e.item])
        verifiers = {entry.index: who for entry in entries if entry.is_open and (who := _verifier(entry, known))}
        await self._name(entries, verifiers)
        # Locked first, read after: of two verdicts at once the second sees the first.
        asked = [entry.id for entry in entries if entry.is_open and entry.id]
        activities = await repository.lock(self._unit.connection, asked, self._who)
        self._given = _given(await repository.history(self._unit.connection, activities))
        await known.add(self._unit, {activity.done_by for activity in activities.values()})
        deciders = await Deciders.of("verify", self._unit, self._kinds, self._asked(entries, verifiers, activities))
        for entry in entries:
            if entry.is_open:
                activity = activities.get(entry.id) if entry.id else None
                self._judge(entry, activity, verifiers[entry.index], known, deciders)
        await self._save(activities)
        await conclude(self._unit, self._who, "fieldwork.verify", entries)
        await changes.append(self._unit.connection, self._changes(activities), self._unit.now)
        return [self._told(entry) for entry in entries]

    async def _name(self, entries: Sequence[Entry[Verdict]], verifiers: Mapping[int, Person]) -> None:
        """Which activity each is about, and what each means."""
        naming = Naming()
        refs = [entry.given.activity_id for entry in entries if entry.item]
        await naming.learn(repository.called, self._unit, self._who, refs)
        for entry in entries:
            if entry.is_open:
                try:
                    entry.id = naming.known(entry.given.activity_id)
                except Problem as problem:
                    entry.fail(problem)
                verifier = verifiers[entry.index].officer_id
                entry.meaning_hash = meaning_of(entry, self._vault, verified_by=verifier, activity_id=entry.id)

    def _asked(
        self,
        entries: Sequence[Entry[Verdict]],
        verifiers: Mapping[int, Person],
        activities: Mapping[UUID, Row[Any]],
    ) -> set[Asked]:
        """Who wants to decide today, and who decided when; somebody of this batch may be replaced by another of it."""
        places = {activity.id: activity.village for activity in activities.values()}
        wanted = {
            (verifiers[entry.index].officer_id, places[entry.id], self._today)
            for entry in entries
            if entry.is_open and entry.id in places
        }
        decided = {_decided(given[-1].standing, places[id]) for id, given in self._given.items() if given}
        return wanted | decided

    def _judge(
        self,
        entry: Entry[Verdict],
        activity: Row[Any] | None,
        verifier: Person,
        known: References,
        deciders: Deciders,
    ) -> None:
        if activity is None:
            entry.fail(ActivityNotFound())
            return
        given = self._given.setdefault(activity.id, [])
        same = next((g for g in given if g.is_said_by(entry)), None)
        if same:
            entry.outcome, self._verdict_ids[entry.index] = "duplicate", same.standing.id
            return
        if activity.state in ("superseded", "withdrawn"):
            entry.conflict(Superseded("请核实新的登记"))
            return
        standing = given[-1].standing if given else None
        try:
            fault = self._fault(entry.given, activity, verifier, standing, known, deciders)
        except Problem as problem:
            entry.fail(problem)
            return
        if fault:
            _refuse(entry, fault, standing)
        else:
            self._let_stand(entry, activity, verifier, standing)

    def _fault(
        self,
        item: Verdict,
        activity: Row[Any],
        verifier: Person,
        standing: Standing | None,
        known: References,
        deciders: Deciders,
    ) -> rules.Fault | None:
        own = rules.own_work(frozenset((activity.author, activity.done_by)), activity.with_officer, verifier.officer_id)
        if own:
            return own
        asked, office = (verifier.officer_id, activity.village, self._today), known.person(activity.done_by).org
        deciders.require(asked, activity.day, office)
        above = standing is not None and deciders.outranks(
            asked, _decided(standing, activity.village), activity.day, office
        )
        quantity = item.quantity if isinstance(item, Verify) else None
        proposed = rules.Proposed(verifier.officer_id, above, quantity, item.replaces, item.reason)
        return rules.fault(activity.quantity, standing, proposed)

    def _let_stand(
        self, entry: Entry[Verdict], activity: Row[Any], verifier: Person, standing: Standing | None
    ) -> None:
        item, number = entry.given, standing.number + 1 if standing else 1
        now = Standing(new_id(), number, item.verdict, verifier.officer_id, self._unit.now)
        entry.outcome, self._verdict_ids[entry.index] = "created", now.id
        self._given[activity.id].append(Given(entry.content_hash, entry.meaning_hash, now))
        said = item.model_dump(exclude={"verified_by"}) | {"activity_id": activity.id}
        if isinstance(item, Verify) and item.quantity is None:
            said["quantity"] = activity.quantity
        self._rows.append(
            {
                **said,
                "id": now.id,
                "number": number,
                "content_hash": entry.content_hash,
                "meaning_hash": entry.meaning_hash,
                "subject": self._who.subject,
                "decided_by": verifier.officer_id,
                "decided_by_org": verifier.org,
                "decided_at": self._unit.now,
            }
        )

    async def _save(self, activities: Mapping[UUID, Row[Any]]) -> None:
        await repository.save_verdicts(self._unit.connection, self._rows)
        self._unit.outbox.add(*(self._fact(row, activities[row["activity_id"]]) for row in self._rows))

    def _fact(self, row: dict[str, Any], activity: Row[Any]) -> Fact[ActivityVerifiedV1 | ActivityRejectedV1]:
        data: ActivityVerifiedV1 | ActivityRejectedV1
        said = row | {"officer_id": activity.done_by}
        if row["verdict"] == "verify":
            data = ActivityVerifiedV1.model_validate(
                said | {"verified_by": row["decided_by"], "verifier_org": row["decided_by_org"]}
            )
        else:
            data = ActivityRejectedV1.model_validate(said)
        return Fact.of(
            data,
            time=self._unit.now,
            actor=row["decided_by"],
            actor_org=row["decided_by_org"],
            jurisdiction=activity.village,
            classification=activity.classification,
        )

    def _changes(self, activities: Mapping[UUID, Row[Any]]) -> list[Change]:
        return [
            Change(
                activities[row["activity_id"]].village,
                "activity",
                row["activity_id"],
                "verified" if row["verdict"] == "verify" else "rejected",
                row["id"],
                activities[row["activity_id"]].classification,
            )
            for row in self._rows
        ]

    def _told(self, entry: Entry[Verdict]) -> dict[str, Any]:
        named: dict[str, Any] = {"activity_id": entry.id} if entry.item else {}
        if entry.index in self._verdict_ids:
            named["verdict_id"] = str(self._verdict_ids[entry.index])
        return outcome_dict(entry, **named)


def _verifier(entry: Entry[Verdict], known: References) -> Person | None:
    try:
        verifier = known.deciding(entry.given.verified_by)
    except Problem as problem:
        entry.fail(problem)
        return None
    entry.actor = verifier.officer_id
    return verifier


def _decided(standing: Standing, village: str) -> Asked:
    return standing.decided_by, village, shanghai_day(standing.decided_at)


def _given(history: Mapping[UUID, Sequence[Row[Any]]]) -> dict[UUID, list[Given]]:
    return {
        activity_id: [
            Given(
                row.content_hash,
                row.meaning_hash,
                Standing(row.id, row.number, row.verdict, row.decided_by, row.decided_at),
            )
            for row in rows
        ]
        for activity_id, rows in history.items()
    }


def _refuse(entry: Entry[Verdict], fault: rules.Fault, standing: Standing | None) -> None:
    match fault:
        case "already_decided" if standing:
            entry.conflict(AlreadyDecided(standing.id, standing.verdict, standing.decided_at))
        case "nothing_to_replace":
            entry.conflict(NothingToReplace("请去掉 replaces 后重发"))
        case "verifier_is_author":
            entry.fail(VerifierIsAuthor("请由登记人和实际工作人以外的人员核实"))
        case "verifier_was_present":
            entry.fail(VerifierWasPresent("请由不在场的人员核实"))
        case "quantity_above_claimed":
            entry.fail(QuantityAboveClaimed("核实数量应不大于登记数量"))
        case "replacer_not_above":
            entry.fail(ReplacerNotAbove("请由作出现有结论的本人或更高岗位的人员更改"))
        case _:
            entry.fail(ReasonRequired("请在 reason 中填写原因代码"))
