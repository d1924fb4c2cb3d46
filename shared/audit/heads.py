"""Heads of an audit as others keep them: another service, or a person who wrote one down."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_KEPT = text("SELECT rows, head, sealed_at FROM audit_head WHERE publisher = :publisher")
_WRITTEN = re.compile(r"(?P<rows>[0-9]{1,18}):(?P<hash>[0-9a-f]{64})")


class Head(NamedTuple):
    """That a chain had this many rows and this hash at a time; the time is unknown of one that a person gives."""

    keeper: str
    rows: int
    hash: str
    told_at: datetime | None = None

    def __str__(self) -> str:
        when = f" since {self.told_at:%Y-%m-%d %H:%M:%S %Z}" if self.told_at else ""
        return f"{self.rows}:{self.hash} ({self.keeper}{when})"


async def kept_heads(connection: AsyncConnection, keeper: str, publisher: str) -> list[Head]:
    """What the service to whose database this is connected has heard of another's audit."""
    return [Head(keeper, *row) for row in await connection.execute(_KEPT, {"publisher": publisher})]


def written_head(text: str) -> Head:
    """A head as `cunjing audit head` prints it, `ROWS:HASH`."""
    if match := _WRITTEN.fullmatch(text.strip()):
        return Head("given", int(match["rows"]), match["hash"])
    raise ValueError("a head is ROWS:HASH, as `cunjing audit head` prints it")
