"""Which scheme applies: the one answer for all services (C-01, C-45)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Use = Literal["governing", "shadow"]

_BINDINGS = text(
    """
    SELECT jurisdiction, scheme, posts, use, valid_from, valid_until FROM known_binding ORDER BY binding_id
    """
)


@dataclass(frozen=True, slots=True)
class Binding:
    """A jurisdiction (unpadded) runs a scheme for these posts, from the first to the last day, both counted."""

    jurisdiction: str
    scheme: str
    posts: tuple[str, ...]
    use: Use
    first: date
    last: date | None

    def holds(self, village: str, day: date) -> bool:
        """Whether it is about that place on that day."""
        return village.startswith(self.jurisdiction) and self.first <= day and (self.last is None or day <= self.last)


def schemes_at(
    bindings: Iterable[Binding], village: str, day: date, post: str | None = None, use: Use = "governing"
) -> tuple[Binding, ...]:
    """What applies at a village on a day, to a post or (without one) by the place alone: the narrowest jurisdiction's.

    A township's own scheme takes the place of its county's. One post has one governing scheme on a day; the place alone
    may have several, for different posts.
    """
    held = [b for b in bindings if b.use == use and b.holds(village, day) and (post is None or post in b.posts)]
    narrowest = max((len(binding.jurisdiction) for binding in held), default=0)
    return tuple(binding for binding in held if len(binding.jurisdiction) == narrowest)


async def known_bindings(connection: AsyncConnection) -> list[Binding]:
    """All bindings, past ones too; a handful per county."""
    rows = await connection.execute(_BINDINGS)
    return [
        Binding(row.jurisdiction, row.scheme, tuple(row.posts), row.use, row.valid_from, row.valid_until)
        for row in rows
    ]
