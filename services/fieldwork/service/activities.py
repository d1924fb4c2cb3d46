"""Recording activities: checked, kept as sent, published; a newer entry takes the place of the one it supersedes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import orjson

from services.fieldwork.errors.items import (
    DetailsInvalid,
    EndsBeforeItBegins,
    InTheFuture,
    OfficerPresenceRequired,
    PersonalData,
    UnknownKind,
)
from services.fieldwork.errors.naming import SchemeUnknownYet
from services.fieldwork.repository import activities as repository
from services.fieldwork.repository.changes import Change
from services.fieldwork.rules.items import FAST_PHONE, lacks_officer, time_fault
from services.fieldwork.schemas.given import Activity
from services.fieldwork.scheme import ActivityKind
from services.fieldwork.service.batches import meaning_of, settle
from services.fieldwork.service.corrections import Claimed, claim, name_first, require_own
from services.fieldwork.service.details import misfits, mistimed, wrong_kind
from services.fieldwork.service.entries import Entry
from services.fieldwork.service.kinds import Bound, Kinds
from services.fieldwork.service.lateness import require_in_time
from services.fieldwork.service.matters import Matters
from services.fieldwork.service.naming import Naming
from services.fieldwork.service.references import References
from shared.clock import shanghai_day
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import ActivityRecordedV1, ActivityRejectedV1
from shared.database.unit import Unit
from shared.ids import new_id
from shared.observability.redaction import holds_personal_number
from shared.reference.people import Person
from shared.reference.queries import Work
from shared.security.vault import Vault
from shared.turns import in_turns
from shared.web.problems import Problem


class Activities:
    """The activities of one sync."""

    def __init__(self, unit: Unit, known: References, kinds: Kinds, vault: Vault) -> None:
        self._unit = unit
        self._known = known
        self._kinds = kinds
        self._vault = vault
        self._naming = Naming()
        self._matters = Matters()
        self._fitting: dict[tuple[tuple[str, ...], str, str, str], ActivityKind] = {}

    async def record(self, entries: Sequence[Entry[Activity]], bound: Bound) -> list[Change]:
        """Keep and publish the good and new ones."""
        await self._name(entries)
        opened = in_turns(entry for entry in entries if entry.is_open)
        rows = {entry.index: row async for entry in opened if (row := self._checked(entry, bound))}
        claimed = self._claimed(entries)
        await require_own(repository.corrected, self._unit, self._known.who, claimed)

        async def insert(chosen: list[Entry[Activity]]) -> set[UUID]:
            return await repository.insert(self._unit.connection, [rows[entry.index] for entry in chosen])

        created = await settle(self._unit, repository.hashes, entries, insert)
        await name_first(repository.corrected, self._unit, self._known.who, claimed)
        works = ((entry, entry.work) for entry in created)
        await self._matters.keep(
            self._unit, ((self._matters.of(e.given.matter_id, work[1]), work[1]) for e, work in works if work)
        )
        made = []
        async for entry in in_turns(created):
            kept = dict(zip(repository.ACTIVITY_COLUMNS, rows[entry.index], strict=True))
            self._unit.outbox.add(_recorded(kept))
            made.append(
                Change(kept["village"], "activity", kept["id"], "recorded", classification=kept["classification"])
            )
        return made

    async def _name(self, entries: Sequence[Entry[Activity]]) -> None:
        """A name is its county's, also of what is corrected and of the matter (C-49)."""
        given = [(entry, entry.given, self._known.county(entry.given.village)) for entry in entries if entry.item]
        refs = [ref for _, item, _ in given for ref in (item.id, item.supersedes)]
        await self._naming.learn(repository.called, self._unit, self._known.who, refs)
        await self._matters.learn(self._unit, self._known.who, ((i.matter_id, c) for _, i, c in given if c))
        for entry, item, county in given:
            if county:
                entry.id = self._naming.of(item.id, county)

    def _claimed(self, entries: Sequence[Entry[Activity]]) -> list[Claimed]:
        return [claimed for entry in entries if entry.is_open for claimed in claim(entry, self._superseded(entry))]

    def _superseded(self, entry: Entry[Activity]) -> UUID | None:
        ref, county = entry.given.supersedes, self._known.county(entry.given.village)
        return self._naming.of(ref, county) if ref and county else None

    def _checked(self, entry: Entry[Activity], bound: Bound) -> repository.ActivityRow | None:
        """The row of an activity that fulfils every rule; otherwise the entry is told why not."""
        item, known = entry.given, self._known
        try:
            day = shanghai_day(item.since)
            village = known.village(item.village, day)
            author = known.acting(item.officer, day)
            entry.actor = author.officer_id
            done_by = known.acting(item.done_by, day) if item.done_by is not None else author
            companion = known.companion(item.with_officer, day) if item.with_officer is not None else None
            _require_past(self._unit, item)
            details = _json(item.details)
            kind = self._kind(item, details, bound.schemes(village, day))
            _require_officer(kind, author, done_by, companion)
            self._require_timely(item, kind, day, bound.schemes(village, day))
        except Problem as problem:
            entry.fail(problem)
            return None
        entry.work = (done_by.officer_id, village, day)
        return self._row(entry, author, companion, entry.work, details, kind)

    def _require_timely(self, item: Activity, kind: ActivityKind, day: date, schemes: tuple[str, ...]) -> None:
        if wrong := mistimed(item, kind, day, self._unit.now + FAST_PHONE):
            raise DetailsInvalid("请核对明细中的日期和时间,见 errors", errors=wrong)
        require_in_time(self._kinds, schemes, day, self._known.today)

    def _kind(self, item: Activity, details: str, schemes: tuple[str, ...]) -> ActivityKind:
        # A batch repeats few kinds of details many times.
        key = (schemes, item.kind, item.unit, details)
        if key not in self._fitting:
            self._fitting[key] = self._fitting_kind(item, details, schemes)
        return self._fitting[key]

    def _fitting_kind(self, item: Activity, details: str, schemes: Sequence[str]) -> ActivityKind:
        if not schemes:
            raise SchemeUnknownYet(item.village)
        found = self._kinds.under(schemes, item.kind)
        if not found:
            raise UnknownKind("请使用本地方案列出的活动种类,见 errors", errors=wrong_kind(self._kinds.labels(schemes)))
        fitting = next((kind for kind in found if not misfits(item, kind)), None)
        if fitting is None:
            raise DetailsInvalid("请按活动种类填写明细,见 errors", errors=misfits(item, found[0]))
        if holds_personal_number(details):
            raise PersonalData("请删去明细中的身份证号和手机号")
        return fitting

    def _row(
        self,
        entry: Entry[Activity],
        author: Person,
        companion: Person | None,
        work: Work,
        details: str,
        kind: ActivityKind,
    ) -> repository.ActivityRow:
        item, (done_by, village, day) = entry.given, work
        matter = self._matters.of(item.matter_id, village)
        supersedes = self._superseded(entry)
        present = companion and companion.officer_id
        resolved = {"officer": author.officer_id, "done_by": done_by, "with_officer": present, "village": village}
        resolved |= {"matter_id": matter, "supersedes": supersedes}
        entry.meaning_hash = meaning_of(entry, self._vault, **resolved)
        return (
            *entry.sent(self._known.who.subject, self._unit.now),
            author.officer_id,
            done_by,
            present,
            village,
            day,
            item.kind,
            item.since,
            item.until,
            item.quantity,
            item.unit,
            item.target_key and self._vault.blind_index(item.target_key, "target_key").hex(),
            matter,
            item.group_id,
            item.room_id,
            item.task_id,
            item.details,
            [piece.__dict__ for piece in item.evidence],
            supersedes,
            supersedes,
            self._vault.seal(item.note) if item.note else None,
            kind.classification,
            "waiting",
        )

    async def supersede(self, created: Sequence[UUID]) -> list[Change]:
        """What a newer entry of the same author replaces no longer counts; the points of a verified one go back."""
        replaced = await repository.superseded(self._unit.connection, created) if created else []
        if not replaced:
            return []
        given = await repository.history(self._unit.connection, [row.id for row in replaced])
        verdicts = [
            {
                "id": new_id(),
                "activity_id": row.id,
                "number": len(given.get(row.id, ())) + 1,
                "subject": self._known.who.subject,
                "verdict": "supersede",
                "decided_by": row.author,
                "decided_at": self._unit.now,
                "cause": "superseded",
                "reason": "superseded",
                "replaces": row.verdict_id,
            }
            for row in replaced
        ]
        await repository.save_verdicts(self._unit.connection, verdicts)
        self._unit.outbox.add(*(_superseded(row, self._unit, self._known.person(row.author).org) for row in replaced))
        return [
            Change(row.village, "activity", row.id, "superseded", verdict["id"], row.classification)
            for row, verdict in zip(replaced, verdicts, strict=True)
        ]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _recorded(row: dict[str, Any]) -> Fact[ActivityRecordedV1]:
    data = ActivityRecordedV1.model_validate(row | {"activity_id": row["id"]})
    return Fact.of(
        data,
        time=row["since"],
        actor=row["author"],
        jurisdiction=row["village"],
        classification=row["classification"],
    )


def _superseded(row: Any, unit: Unit, org: UUID) -> Fact[ActivityRejectedV1]:
    data = ActivityRejectedV1(
        activity_id=row.id, officer_id=row.done_by, cause="superseded", reason="superseded", decided_by=row.author
    )
    return Fact.of(
        data,
        time=unit.now,
        actor=row.author,
        actor_org=org,
        jurisdiction=row.village,
        classification=row.classification,
    )


def _require_past(unit: Unit, item: Activity) -> None:
    match time_fault(unit.now, item.since, item.until):
        case "in_the_future":
            raise InTheFuture("请校准手机时钟后重发")
        case "ends_before_it_begins":
            raise EndsBeforeItBegins("请改正起止时间")


def _require_officer(kind: ActivityKind, author: Person, done_by: Person, companion: Person | None) -> None:
    if lacks_officer(kind.restricted, (author.kind, done_by.kind), companion.kind if companion else None):
        raise OfficerPresenceRequired("此类工作须在 with_officer 中写明在场民警")
