"""The station certifies quiet villages and takes a certificate back (A-202)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from services.fieldwork.errors import (
    AlreadyCertified,
    AlreadyRevoked,
    CertificateNotFound,
    InTheFuture,
    NotTheStation,
    StationUnknownYet,
)
from services.fieldwork.repository import certificates as repository
from services.fieldwork.repository import changes, people
from services.fieldwork.repository.certificates import Matter
from services.fieldwork.repository.changes import Change
from services.fieldwork.repository.people import Person
from services.fieldwork.schemas.given import Certificate, Revocation
from services.fieldwork.service.batches import Entry, Reader, audit_batch, outcome_dict, settle
from services.fieldwork.service.references import References
from shared.clock import shanghai_day
from shared.contracts.base import Period
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import NothingCertifiedV1
from shared.database.unit import Unit
from shared.security.audit import record_audit
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.problems import Problem

_TYPES = {"certificate": TypeAdapter(Certificate)}


class Certification:
    """Certificates of one call."""

    def __init__(self, unit: Unit, who: Principal, vault: Vault) -> None:
        self._unit = unit
        self._who = who
        self._vault = vault
        self._today = shanghai_day(unit.now)

    async def certify(self, raw_items: Sequence[Any]) -> list[dict[str, Any]]:
        """Keep and publish the good and new ones."""
        entries = await Reader(self._vault, _TYPES, lambda _: "certificate").read(raw_items)
        read = [entry.given for entry in entries if entry.item]
        known = await References.of(
            self._unit, self._who, [item.certified_by for item in read], [item.village for item in read]
        )
        inside = [code for code in known.villages.values() if self._who.covers(code)]
        stations = await people.stations(self._unit.connection, inside, self._today)
        rows = {
            entry.index: row for entry in entries if entry.is_open and (row := self._checked(entry, known, stations))
        }

        async def insert(chosen: list[Entry[Certificate]]) -> set[UUID]:
            return await repository.insert(self._unit.connection, [rows[entry.index] for entry in chosen])

        created = await settle(self._unit, repository.hashes, entries, lambda item: item.id, insert)
        await self._name_those_in_force(entries, known)
        made = [self._fact(entry, known) for entry in created]
        self._unit.outbox.add(*made)
        await audit_batch(self._unit, self._who, "fieldwork.certify", entries)
        told = [Change(fact.data.village, "certificate", fact.data.certificate_id, "certified") for fact in made]
        await changes.append(self._unit.connection, told, self._unit.now)
        return [outcome_dict(entry, **({"id": entry.item.id} if entry.item else {})) for entry in entries]

    def _checked(
        self, entry: Entry[Certificate], known: References, stations: dict[str, UUID]
    ) -> tuple[Any, ...] | None:
        item = entry.given
        try:
            certifier = known.acting(item.certified_by)
            entry.actor = certifier.officer_id
            village = known.village(item.village)
            _require_station(certifier, stations.get(village))
            if item.first_day > self._today:
                raise InTheFuture("不能证明尚未开始的月份")
        except Problem as problem:
            entry.fail(problem)
            return None
        sent = (item.id, entry.content_hash, self._who.subject, self._unit.now)
        return (*sent, village, item.of, item.first_day, certifier.officer_id, certifier.org, "in_force")

    async def _name_those_in_force(self, entries: Sequence[Entry[Certificate]], known: References) -> None:
        """What is still open met another certificate for the same matter."""
        left = {entry.index: _matter(entry.given, known) for entry in entries if entry.is_open}
        standing = await repository.in_force(self._unit.connection, set(left.values()))
        for index, matter in left.items():
            found = standing.get(matter)
            named = {"certificate_id": str(found.id)} if found else {}
            entries[index].conflict(AlreadyCertified("如有误请先撤销现有证明", **named))

    def _fact(self, entry: Entry[Certificate], known: References) -> Fact[NothingCertifiedV1]:
        item, certifier = entry.given, known.officer(entry.given.certified_by)
        data = NothingCertifiedV1(
            certificate_id=item.id,
            village=known.village(item.village),
            of=item.of,
            month=_period(item.first_day),
            certified_by=certifier.officer_id,
            certifier_org=certifier.org,
            state="in_force",
        )
        return self._envelope(data, certifier)

    async def revoke(self, id: UUID, revocation: Revocation) -> dict[str, Any]:
        """The station takes a certificate back; the base points of the month go with it."""
        known = await References.of(self._unit, self._who, [revocation.revoked_by])
        revoker = known.acting(revocation.revoked_by)
        row = await repository.lock(self._unit.connection, id, self._who.division)
        if row is None:
            raise CertificateNotFound("请核对证明编号")
        if row.state == "revoked":
            raise AlreadyRevoked("无需再次撤销", revoked_at=row.revoked_at)
        stations = await people.stations(self._unit.connection, [row.village], self._today)
        _require_station(revoker, stations.get(row.village))
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
            self._unit, self._who, "fieldwork.revoke_certificate", str(id), on_behalf_of=revoker.officer_id
        )
        change = Change(row.village, "certificate", id, "revoked")
        await changes.append(self._unit.connection, [change], self._unit.now)
        return {"id": id, "state": "revoked", "revoked_at": self._unit.now}

    def _envelope(self, data: NothingCertifiedV1, by: Person) -> Fact[NothingCertifiedV1]:
        return Fact.of(data, time=self._unit.now, actor=by.officer_id, actor_org=by.org, jurisdiction=data.village)


def _require_station(certifier: Person, station: UUID | None) -> None:
    if station is None:
        raise StationUnknownYet
    if certifier.org != station:
        raise NotTheStation("请由该村责任派出所的人员办理")


def _matter(item: Certificate, known: References) -> Matter:
    return known.village(item.village), item.of, item.first_day


def _period(first_day: date) -> Period:
    next_month = (first_day + timedelta(days=31)).replace(day=1)
    return Period(since=first_day, until=next_month - timedelta(days=1))
