"""A service's audit in a database of its own, and what its sealer makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.audit.chain import BEGINNING, COLUMNS, AuditRow, link
from shared.audit.sealer import seal, tell_head
from shared.database.unit import Database, Unit
from shared.security.audit import record_audit
from shared.security.principal import Principal

BACKEND = Principal("backend", frozenset(), "", "internal", None)


async def act(unit: Unit, *objects: str) -> None:
    """One audit row for each of these."""
    for name in objects:
        await record_audit(unit, BACKEND, "activity.verify", name)


@dataclass
class Audited:
    """The audit of `service`."""

    database: Database
    service: str = "personnel"

    async def act(self, *objects: str) -> None:
        """Something is done, and audited."""
        async with self.database.unit() as unit:
            await act(unit, *objects)

    async def seal(self) -> None:
        """The sealer comes by until nothing is left for it."""
        more = True
        while more:
            async with self.database.unit() as unit:
                more = await seal(unit)

    async def tell(self) -> None:
        """The head is told if it moved."""
        async with self.database.unit() as unit:
            await tell_head(self.service)(unit)

    async def tamper(self, *statements: str) -> None:
        """What a superuser does to the tables."""
        async with self.database.engine.begin() as connection:
            await run(connection, *statements)

    async def rewrite(self) -> None:
        """A superuser who knows how it is done computes all seals anew from what stands there now."""
        query = f"SELECT {COLUMNS} FROM audit_seal s JOIN audit a ON a.id = s.audit_id ORDER BY position"
        rows = [AuditRow(*row) for row in await self.rows(query)]
        await self.tamper("DELETE FROM audit_seal")
        previous = BEGINNING
        for place, row in enumerate(rows, start=1):
            previous = link(previous, row)
            await self.tamper(f"INSERT INTO audit_seal VALUES ({place}, {row.id}, '{row.txid}', '{previous}', now())")

    async def rows(self, sql: str, **values: object) -> list[Any]:
        async with self.database.engine.connect() as connection:
            return list(await connection.execute(text(sql), values))

    async def sealed(self) -> list[str]:
        """What stands in the chain, in its order."""
        query = "SELECT object FROM audit_seal s JOIN audit a ON a.id = s.audit_id ORDER BY position"
        return [row.object for row in await self.rows(query)]


async def run(connection: AsyncConnection, *statements: str) -> None:
    for statement in statements:
        await connection.execute(text(statement))
