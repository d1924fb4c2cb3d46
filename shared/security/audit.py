"""Who did what on whose behalf, written in the use case's own transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from shared.database.unit import Unit
from shared.observability.tracing import current_request_id
from shared.security.principal import Principal

_INSERT = text("""
    INSERT INTO audit (at, subject, on_behalf_of, action, object, result, reason, request_id)
    SELECT :at, :subject, on_behalf_of, action, object, result, reason, :request_id
    FROM unnest(CAST(:on_behalf_of AS uuid[]), CAST(:action AS text[]), CAST(:object AS text[]),
                CAST(:result AS text[]), CAST(:reason AS text[])) AS entry(on_behalf_of, action, object, result, reason)
""")


_REFUSED = text("""
    INSERT INTO audit (at, subject, action, object, result)
    SELECT at, subject, 'refused', object, result
    FROM unnest(CAST(:at AS timestamptz[]), CAST(:subject AS text[]), CAST(:object AS text[]), CAST(:result AS text[]))
         AS entry(at, subject, object, result)
""")


class Refused(NamedTuple):
    """How often one subject was refused the same in the same way within a minute; `what` is a route and a status."""

    minute: datetime
    subject: str
    what: str
    times: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action. `object` names things by id: an audit row holds no personal data."""

    action: str
    object: str
    on_behalf_of: UUID | None = None
    result: str = "done"
    reason: str | None = None


async def record_audit(
    unit: Unit,
    who: Principal,
    action: str,
    object: str,
    *,
    on_behalf_of: UUID | None = None,
    result: str = "done",
    reason: str | None = None,
) -> None:
    """One row for one action."""
    await record_audits(unit, who, [AuditEntry(action, object, on_behalf_of, result, reason)])


async def record_audits(unit: Unit, who: Principal, entries: Sequence[AuditEntry]) -> None:
    """One row for each action of a batch, in one statement."""
    await unit.connection.execute(
        _INSERT,
        {
            "at": unit.now,
            "subject": who.subject,
            "request_id": current_request_id(),
            "on_behalf_of": [entry.on_behalf_of for entry in entries],
            "action": [entry.action for entry in entries],
            "object": [entry.object for entry in entries],
            "result": [entry.result for entry in entries],
            "reason": [entry.reason for entry in entries],
        },
    )


async def record_restricted_read(unit: Unit, who: Principal, service: str, shown: Iterable[UUID]) -> None:
    """One row for what a request was shown of restricted content, each thing named once; none when it was nothing."""
    if ids := dict.fromkeys(shown):
        await record_audit(unit, who, f"{service}.read_restricted", " ".join(map(str, ids)))


async def record_refusals(unit: Unit, refused: Sequence[Refused]) -> None:
    """One row for each."""
    columns = {
        "at": [row.minute for row in refused],
        "subject": [row.subject for row in refused],
        "object": [row.what for row in refused],
        "result": [str(row.times) for row in refused],
    }
    await unit.connection.execute(_REFUSED, columns)
