"""What is known of ids that a client sends again, and of what it calls things."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.rules.names import Named


class Kept(NamedTuple):
    """The hashes of an item that is kept: of its content, and of its meaning, which older ones lack."""

    content: bytes
    meaning: bytes | None


Hashes = Callable[[AsyncConnection, Iterable[UUID]], Awaitable[dict[UUID, Kept]]]
Called = tuple[UUID, str]
"""An item and its county."""
Names = Callable[[AsyncConnection, Collection[Named], str], Awaitable[dict[Named, list[Called]]]]

# A departure lies where its arrival does.
_PLACES = {"departure": "departure i JOIN arrival p ON p.id = i.session"}


def hashes_in(table: Table) -> Hashes:
    """A question to a table of items: the hashes of those ids that it keeps."""
    statement = text(
        f"SELECT id, content_hash, meaning_hash FROM {table.name} WHERE id = ANY(CAST(:ids AS uuid[]))"  # noqa: S608
    )

    async def hashes(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Kept]:
        asked = list(ids)
        if not asked:
            return {}
        rows = await connection.execute(statement, {"ids": asked})
        return {row.id: Kept(row.content_hash, row.meaning_hash) for row in rows}

    return hashes


def called_in(table: Table) -> Names:
    """A question to a table of items: which of those inside a division are called so, also under a former id."""
    place = _PLACES.get(table.name, f"{table.name} i")
    village = "p.village" if table.name in _PLACES else "i.village"
    statement = text(
        f"""
        SELECT asked.n, i.id, left({village}, 6) AS county
        FROM unnest(CAST(:systems AS text[]), CAST(:names AS text[]), CAST(:formers AS uuid[])) WITH ORDINALITY
            AS asked(system, name, former, n)
        JOIN {place} ON (i.system = asked.system AND i.foreign_id = asked.name) OR i.id = asked.former
        WHERE starts_with({village}, :division) ORDER BY asked.n, i.id
        """  # noqa: S608
    )

    async def called(connection: AsyncConnection, names: Collection[Named], division: str) -> dict[Named, list[Called]]:
        asked, found = list(names), defaultdict(list)
        if not asked:
            return {}
        columns = {
            "systems": [named.system for named in asked],
            "names": [named.name for named in asked],
            "formers": [named.former for named in asked],
            "division": division,
        }
        for row in await connection.execute(statement, columns):
            found[asked[row.n - 1]].append((row.id, row.county))
        return found

    return called
