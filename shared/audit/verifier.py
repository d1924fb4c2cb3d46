"""Is the audit what it was? The chain is computed again from the rows and held against its seals and others' heads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.audit.archive import RETENTION, Cut, last_cut
from shared.audit.chain import BEGINNING, COLUMNS, AuditRow, Sealed, link
from shared.audit.heads import Head

PAGE = 5_000
COMPARED = 300
"""Rows that are no longer what was sealed are looked for at each other's places up to this many of them."""

_PAGE = text(
    f"""
    SELECT s.position, s.audit_id, s.txid::text::bigint, s.hash, s.sealed_at, {COLUMNS}
    FROM audit_seal s LEFT JOIN audit a ON a.id = s.audit_id
    WHERE s.position > :after ORDER BY s.position LIMIT :page
    """  # noqa: S608  # our own text
)
# The sealer goes by (txid, id): what lies below its last row and has no seal was written in later.
_UNSEALED = text(
    """
    SELECT a.id, (a.txid, a.id) < (s.txid, s.audit_id) AS passed
    FROM audit a CROSS JOIN (SELECT txid, audit_id FROM audit_seal ORDER BY position DESC LIMIT 1) s
    WHERE NOT EXISTS (SELECT FROM audit_seal other WHERE other.audit_id = a.id) ORDER BY a.id
    """
)
_ANY = text("SELECT count(*) FROM audit")


class Finding(NamedTuple):
    """Something that was tampered with, in one word, and where."""

    kind: str
    where: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}"


class _Suspect(NamedTuple):
    """A row that is no longer what was sealed at its place."""

    seal: Sealed
    previous: str
    row: AuditRow


@dataclass
class Verdict:
    """What was looked at and what was found."""

    sealed: int = 0
    unsealed: int = 0
    cut: Cut | None = None
    fitting: Head | None = None
    """The last head kept elsewhere that lies in the chain: no row up to it can have been changed unseen."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def unprotected(self) -> int:
        """Rows younger than the last head kept elsewhere."""
        return self.sealed + self.unsealed - (self.fitting.rows if self.fitting else 0)


async def verify(connection: AsyncConnection, heads: Sequence[Head]) -> Verdict:
    """Look at the whole chain; the connection should show one moment (repeatable read)."""
    verdict = Verdict(cut=await last_cut(connection))
    hashes = await _walk(connection, verdict, {head.rows for head in heads})
    await _count_unsealed(connection, verdict)
    _compare(verdict, heads, hashes)
    _judge_cut(verdict, heads)
    return verdict


async def _walk(connection: AsyncConnection, verdict: Verdict, wanted: set[int]) -> dict[int, str]:
    """Go along the seals; returns the hashes at the wanted places."""
    hashes: dict[int, str] = {}
    suspects: list[_Suspect] = []
    previous: str | None = BEGINNING
    cut = verdict.cut.place if verdict.cut else 0
    async for seal, row in _sealed(connection):
        if missing := seal.position - verdict.sealed - 1:
            verdict.findings.append(Finding("deleted", f"{missing} seals before place {seal.position}"))
            previous = None
        if row is None and seal.position > cut:
            verdict.findings.append(Finding("deleted", _place(seal)))
        if row and previous and link(previous, row) != seal.hash:
            suspects.append(_Suspect(seal, previous, row))
        previous, verdict.sealed = seal.hash, seal.position
        if seal.position in wanted:
            hashes[seal.position] = seal.hash
    verdict.findings += [Finding(_what_became(suspect, suspects), _place(suspect.seal)) for suspect in suspects]
    return hashes


async def _sealed(connection: AsyncConnection) -> AsyncIterator[tuple[Sealed, AuditRow | None]]:
    after, more = 0, True
    while more:
        rows = (await connection.execute(_PAGE, {"after": after, "page": PAGE})).all()
        for row in rows:
            yield Sealed(*row[:5]), AuditRow(*row[5:]) if row[5] is not None else None
        more = len(rows) == PAGE
        after = rows[-1][0] if rows else after


def _what_became(suspect: _Suspect, suspects: Sequence[_Suspect]) -> str:
    """Whether what was sealed at this place stands at another one now."""
    id, txid = suspect.row.id, suspect.row.txid
    moved: tuple[Callable[[AuditRow], AuditRow], ...] = (
        lambda row: row,
        lambda row: row._replace(id=id),
        lambda row: row._replace(id=id, txid=txid),
    )
    others = [other.row for other in suspects[:COMPARED] if other is not suspect]
    stands = any(link(suspect.previous, move(row)) == suspect.seal.hash for row in others for move in moved)
    return "reordered" if stands else "edited"


def _place(seal: Sealed) -> str:
    return f"row {seal.audit_id} (place {seal.position}, sealed {seal.sealed_at:%Y-%m-%d %H:%M:%S %Z})"


async def _count_unsealed(connection: AsyncConnection, verdict: Verdict) -> None:
    if not verdict.sealed:
        verdict.unsealed = (await connection.execute(_ANY)).scalar_one()
        return
    rows = (await connection.execute(_UNSEALED)).all()
    verdict.unsealed = len(rows)
    verdict.findings += [Finding("written in later", f"row {row.id}, which has no seal") for row in rows if row.passed]


def _compare(verdict: Verdict, heads: Sequence[Head], hashes: dict[int, str]) -> None:
    """Hold the chain against the heads."""
    fitting = [head for head in heads if hashes.get(head.rows) == head.hash]
    verdict.fitting = max(fitting, key=lambda head: head.rows, default=None)
    beyond = [head for head in heads if head.rows > verdict.sealed]
    other = [head for head in heads if head.rows <= verdict.sealed and hashes.get(head.rows) != head.hash]
    if beyond:
        longest = max(beyond, key=lambda head: head.rows)
        where = f"rows after place {verdict.sealed} up to place {longest.rows} are gone: there was {longest}"
        verdict.findings.append(Finding("tail cut", where))
    if other:
        first = min(other, key=lambda head: head.rows)
        good = max((head.rows for head in fitting if head.rows < first.rows), default=0)
        where = f"from a row at place {good + 1} to {first.rows} on: {len(other)} heads do not lie in it, first {first}"
        verdict.findings.append(Finding("rewritten", where))


def _judge_cut(verdict: Verdict, heads: Sequence[Head]) -> None:
    """Rows are removed after 180 days: one that a head is younger than was removed too early, or by somebody else."""
    if cut := verdict.cut:
        told = [head for head in heads if head.told_at and head.rows <= cut.place]
        if young := [head for head in told if head.told_at and head.told_at > cut.at - RETENTION]:
            latest = max(young, key=lambda head: head.rows)
            verdict.findings.append(Finding("removed early", f"rows up to place {latest.rows}, there since {latest}"))
