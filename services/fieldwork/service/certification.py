"""The station certifies quiet villages and takes a certificate back (A-202)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from services.fieldwork.errors.deciding import AlreadyCertified, AlreadyRevoked, CertificateNotFound, OwnSheet
from services.fieldwork.errors.items import InTheFuture
from services.fieldwork.errors.naming import StationUnknownYet
from services.fieldwork.repository import certificates as repository
from services.fieldwork.repository import changes, holders
from services.fieldwork.repository.certificates import Matter
from services.fieldwork.repository.changes import Change
from services.fieldwork.rules.certificates import last_day
from services.fieldwork.schemas.given import Certificate, Revocation
from services.fieldwork.service.acts import Deciders
from services.fieldwork.service.batches import Reader, conclude, meaning_of, outcome_dict, settle
from services.fieldwork.service.entries import Entry
from services.fieldwork.service.kinds import Kinds
from services.fieldwork.service.naming import Naming
from services.fieldwork.service.references import References
from shared.clock import shanghai_day
from shared.contracts.base import Period
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import NothingCertifiedV1
from shared.database.unit import Unit
from shared.reference.people import Person
from shared.security.audit import record_audit
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.problems import Problem

_TYPES = {"certificate": TypeAdapter(Certificate)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate that somebody known wants to give for a known village."""

    item: Certificate
    by: Person
    village: str

    @property
    def fed(self) -> holders.Fed:
        """Whose sheet it would feed if it were his own village."""
        return self.by.officer_id, self.village, self.item.first_day, last_day(self.item.first_day)

    @property
    def matter(self) -> Matter:
        """What it is about."""
        return self.village, self.item.of, self.item.first_day


class Certification:
    """Certificates of one call."""

    def __init__(self, unit: Unit, who: Principal, kinds: Kinds, vault: Vault) -> None:
        self._unit = unit
        self._who = who
        self._kinds = kinds
        self._vault = vault
        self._today = shanghai_day(unit.now)

    async def certify(self, raw_items: Sequence[Any]) -> list[dict[str, Any]]:
        """Keep and publish the good and new ones."""
        entries = await Reader(self._vault, _TYPES, lambda _: "certificate").read(raw_items)
        wanted = await self._permitted(entries, await self._wanted(entries))

        async def insert(chosen: list[Entry[Certificate]]) -> set[UUID]:
            rows = [self._row(entry, wanted[entry.index]) for entry in chosen]
            return await repository.insert(self._unit.connection, rows)

        created = await settle(self._unit, repository.hashes, entries, insert)
        await self._name_those_in_force(entries, wanted)
        made = [self._fact(entry.key, wanted[entry.index]) for entry in created]
        self._unit.outbox.add(*made)
        await conclude(self._unit, self._who, "fieldwork.certify", entries)
        told = [Change(fact.data.village, "certificate", fact.data.certificate_id, "certified") for fact in made]
        await changes.append(self._unit.connection, told, self._unit.now)
        return [outcome_dict(entry, **({"id": entry.id} if entry.item else {})) for entry in entries]

    async def _wanted(self, entries: Sequence[Entry[Certificate]]) -> dict[int, Wanted]:
        """Who certifies what; the other entries are told what is wrong with what they name."""
        read = [entry.given for entry in entries if entry.item]
        known = await References.of(
            self._unit, self._who, [item.certified_by for item in read], [item.village for item in read]
        )
        naming = Naming()
        await naming.learn(repository.called, self._unit, self._who, [item.id for item in read])
        for entry in entries:
            if entry.item and (county := known.county(entry.item.village)):
                entry.id = naming.of(entry.item.id, county)
        return {entry.index: found for entry in entries if entry.is_open and (found := _named(entry, known))}

    async def _permitted(self, entries: Sequence[Entry[Certificate]], wanted: dict[int, Wanted]) -> dict[int, Wanted]:
        """Those that may be given; the other entries are told why not."""
        asked = [(one.by.officer_id, one.village, self._today) for one in wanted.values()]
        deciders = await Deciders.of("certify", self._unit, self._kinds, asked)
        villages = {one.village for one in wanted.values()}
        stations = await holders.stations(self._unit.connection, villages, self._today)
        fed = await holders.fed(self._unit.connection, [one.fed for one in wanted.values()])
        for index, one in wanted.items():
            try:
                self._require(one, deciders, stations, fed)
            except Problem as problem:
                entries[index].fail(problem)
        return {index: one for index, one in wanted.items() if entries[index].is_open}

    def _require(self, one: Wanted, deciders: Deciders, stations: dict[str, UUID], fed: set[holders.Fed]) -> None:
        if one.village not in stations:
            raise StationUnknownYet
        if one.fed in fed:
            raise OwnSheet("请由当月不在该村任职的人员出具")
        month_ends = last_day(one.item.first_day)
        deciders.require((one.by.officer_id, one.village, self._today), month_ends)
        if not deciders.may_certify(one.village, one.item.first_day, self._today):
            raise InTheFuture("该月尚未过完,请在当月最后一天或之后出具")

    def _row(self, entry: Entry[Certificate], one: Wanted) -> tuple[Any, ...]:
        entry.meaning_hash = meaning_of(entry, self._vault, certified_by=one.by.officer_id, village=one.village)
        return (*entry.sent(self._who.subject, self._unit.now), *one.matter, one.by.officer_id, one.by.org, "in_force")

    async def _name_those_in_force(self, entries: Sequence[Entry[Certificate]], wanted: dict[int, Wanted]) -> None:
        """What is still open met another certificate for the same matter."""
        left = {entry.index: wanted[entry.index].matter for entry in entries if entry.is_open}
        standing = await repository.in_force(self._unit.connection, set(left.values()))
        for index, matter in left.items():
            found = standing.get(matter)
            named = {"certificate_id": str(found.id)} if found else {}
            entries[index].conflict(AlreadyCertified("如有误请先撤销现有证明", **named))

    def _fact(self, id: UUID, one: Wanted) -> Fact[NothingCertifiedV1]:
        data = NothingCertifiedV1(
            certificate_id=id,
            village=one.village,
            of=one.item.of,
            month=_period(one.item.first_day),
            certified_by=one.by.officer_id,
            certifier_org=one.by.org,
            state="in_force",
        )
        return self._envelope(data, one.by)

    async def revoke(self, id: UUID, revocation: Revocation) -> dict[str, Any]:
        """The station takes a certificate back; the base points of the month go with it."""
        known = await References.of(self._unit, self._who, [revocation.revoked_by])
        revoker = known.deciding(revocation.revoked_by)
        row = await repository.lock(self._unit.connection, id, self._who.division)
        if row is None:
            raise CertificateNotFound("请核对证明编号")
        if row.state == "revoked":
            raise AlreadyRevoked("无需再次撤销", revoked_at=row.revoked_at)
        asked = (revoker.officer_id, row.village, self._today)
        deciders = await Deciders.of("certify", self._unit, self._kinds, [asked])
        deciders.require(asked, last_day(row.month))
        await repository.revoke(self._unit.connection, id, revoker.officer_id, revocation.reason, self._unit.now)
        data = NothingCertifiedV1(
            certificate_id=id,
            village=row.village,
            of=row.of,
            month=_period(row.month),
            certified_by=row.certified_by,
            certifier_org=row.certifier_org,
            state="revoked",
        )
        self._unit.outbox.add(self._envelope(data, revoker))
        await record_audit(
            *(self._unit, self._who, "fieldwork.revoke_certificate", str(id)),
            on_behalf_of=revoker.officer_id,
            reason=revocation.reason,
        )
        change = Change(row.village, "certificate", id, "revoked")
        await changes.append(self._unit.connection, [change], self._unit.now)
        return {"id": id, "state": "revoked", "revoked_at": self._unit.now}

    def _envelope(self, data: NothingCertifiedV1, by: Person) -> Fact[NothingCertifiedV1]:
        return Fact.of(data, time=self._unit.now, actor=by.officer_id, actor_org=by.org, jurisdiction=data.village)


def _named(entry: Entry[Certificate], known: References) -> Wanted | None:
    item = entry.given
    try:
        by = known.deciding(item.certified_by)
        entry.actor = by.officer_id
        return Wanted(item, by, known.village(item.village, item.first_day))
    except Problem as problem:
        entry.fail(problem)
        return None


def _period(first_day: date) -> Period:
    return Period(since=first_day, until=last_day(first_day))
