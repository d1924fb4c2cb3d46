"""What a correction meets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.rules.corrections import Claim, Entered, Met
from shared.security.jurisdiction import normal_division

Corrected = Callable[[AsyncConnection, Collection[Claim], str], Awaitable[dict[Claim, Met]]]


def corrected_in(table: str, *, author: str, county: str, ended_by: str) -> Corrected:
    """A question to a table of items: whose the claimed versions are, and what took the place of each.

    A version outside the counties of who asks has not arrived for him. Somebody else's claim to it, made before it
    arrived, stands in nobody's way. `county` is SQL with the alias in braces, `ended_by` SQL of the version `older`.
    """
    older, newer = (county.format(alias=alias) for alias in ("older", "newer"))
    statement = text(
        f"""
        SELECT asked.n, older.{author} AS author, {older} AS county, coalesce(newer.id, {ended_by}) AS corrected_by
        FROM unnest(CAST(:versions AS uuid[]), CAST(:authors AS uuid[]), CAST(:counties AS text[])) WITH ORDINALITY
            AS asked(version, author, county, n)
        LEFT JOIN {table} older ON older.id = asked.version AND starts_with({older}, left(:division, 6))
        LEFT JOIN {table} newer ON newer.corrects = asked.version AND newer.{author} = asked.author
            AND {newer} = asked.county
        """  # noqa: S608  # our own names
    )

    async def corrected(connection: AsyncConnection, claims: Collection[Claim], division: str) -> dict[Claim, Met]:
        asked = list(claims)
        if not asked:
            return {}
        columns = {
            "versions": [claim.version for claim in asked],
            "authors": [claim.by.author for claim in asked],
            "counties": [claim.by.county for claim in asked],
            "division": normal_division(division),
        }
        rows = await connection.execute(statement, columns)
        return {asked[row.n - 1]: Met(_entered(row.author, row.county), row.corrected_by) for row in rows}

    return corrected


def _entered(author: UUID | None, county: str) -> Entered | None:
    return Entered(author, county) if author else None
