"""The sealer: audit rows get their place in the chain soon after they were written, and the head of it is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.audit.chain import BEGINNING, COLUMNS, AuditRow, Sealed, link
from shared.clock import shanghai_day
from shared.contracts.envelope import Fact
from shared.contracts.pulse import SEALS
from shared.database.unit import Unit
from shared.observability.metrics import AUDIT_UNSEALED_SECONDS

SEAL_EVERY = timedelta(seconds=1)
TELL_EVERY = timedelta(seconds=30)
PIECE = 1_000

_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtext('cunjing.audit'))")
_LAST = text(
    """
    SELECT position, audit_id, txid::text::bigint AS txid, hash, sealed_at
    FROM audit_seal ORDER BY position DESC LIMIT 1
    """
)
# Nothing is written any more by transactions below `xmin`, so the order (txid, id) is settled there and a place in the
# chain is never needed in between. An id at or above `xmax` is of another server: the database was dumped there and put
# back here, and its rows come first.
_BEFORE = "pg_snapshot_xmin(pg_current_snapshot())"
_FOREIGN = "pg_snapshot_xmax(pg_current_snapshot())"
_UNSEALED = "NOT EXISTS (SELECT FROM audit_seal s WHERE s.audit_id = a.id)"
_NEXT = text(
    f"""
    SELECT {COLUMNS} FROM audit a
    WHERE (a.txid, a.id) > (CAST(CAST(:txid AS text) AS xid8), :id) AND a.txid < {_BEFORE} AND {_UNSEALED}
    ORDER BY a.txid, a.id LIMIT :piece
    """  # noqa: S608  # our own text
)
_AFTER_A_MOVE = text(
    f"""
    SELECT {COLUMNS} FROM audit a
    WHERE (a.txid < {_BEFORE} OR a.txid >= {_FOREIGN}) AND {_UNSEALED}
    ORDER BY a.txid < {_FOREIGN}, a.txid, a.id LIMIT :piece
    """  # noqa: S608  # our own text
)
_IS_FOREIGN = text(f"SELECT CAST(CAST(:txid AS text) AS xid8) >= {_FOREIGN}")  # our own text
_SEAL = text(
    """
    INSERT INTO audit_seal (position, audit_id, txid, hash, sealed_at)
    SELECT position, audit_id, CAST(txid AS xid8), hash, :now
    FROM unnest(CAST(:positions AS bigint[]), CAST(:ids AS bigint[]), CAST(:txids AS text[]), CAST(:hashes AS text[]))
         AS s(position, audit_id, txid, hash)
    """
)
_AGE = text(
    """
    SELECT COALESCE(EXTRACT(epoch FROM clock_timestamp() - min(at)), 0) FROM audit a
    WHERE (a.txid, a.id) > (CAST(CAST(:txid AS text) AS xid8), :id)
    """
)
_TELL_ONCE = text(
    """
    INSERT INTO audit_head (publisher, head, day, rows, sealed_at) VALUES (:publisher, :head, :day, :rows, :sealed_at)
    ON CONFLICT (publisher, head) DO NOTHING
    """
)


async def seal(unit: Unit) -> bool:
    """Chain the next rows, at most a thousand; True when more may be waiting. One at a time in a database."""
    if not await unit.connection.scalar(_ALONE):
        return False
    last = await last_seal(unit.connection)
    rows = await _next(unit.connection, last)
    if rows:
        await unit.connection.execute(_SEAL, _columns(rows, last) | {"now": unit.now})
    return len(rows) == PIECE


def tell_head(service: str) -> Callable[[Unit], Awaitable[bool]]:
    """The tick that publishes the head of the chain once after it moved; one's own list says which were told."""

    async def tell(unit: Unit) -> bool:
        last = await last_seal(unit.connection)
        behind = {"txid": str(last.txid if last else 0), "id": last.audit_id if last else 0}
        AUDIT_UNSEALED_SECONDS.labels(service).set(await unit.connection.scalar(_AGE, behind) or 0)
        if last:
            head = {"day": shanghai_day(last.sealed_at), "rows": last.position, "head": last.hash}
            row = head | {"publisher": service, "sealed_at": last.sealed_at}
            if (await unit.connection.execute(_TELL_ONCE, row)).rowcount:
                data = SEALS[service].model_validate(head | {"service": service})
                unit.outbox.add(Fact.of(data, time=unit.now, actor=service, jurisdiction=""))
        return False

    return tell


async def last_seal(connection: AsyncConnection) -> Sealed | None:
    """The head of the chain; None while nothing was sealed."""
    row = (await connection.execute(_LAST)).one_or_none()
    return Sealed(*row) if row else None


async def _next(connection: AsyncConnection, last: Sealed | None) -> list[AuditRow]:
    if last and not await connection.scalar(_IS_FOREIGN, {"txid": str(last.txid)}):
        found = await connection.execute(_NEXT, {"txid": str(last.txid), "id": last.audit_id, "piece": PIECE})
    else:
        found = await connection.execute(_AFTER_A_MOVE, {"piece": PIECE})
    return [AuditRow(*row) for row in found]


def _columns(rows: Sequence[AuditRow], last: Sealed | None) -> dict[str, list[int] | list[str]]:
    hashes, previous = [], last.hash if last else BEGINNING
    for row in rows:
        hashes.append(previous := link(previous, row))
    first = last.position + 1 if last else 1
    return {
        "positions": list(range(first, first + len(rows))),
        "ids": [row.id for row in rows],
        "txids": [str(row.txid) for row in rows],
        "hashes": hashes,
    }
