"""One item of a batch on its way through a use case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel

from services.fieldwork.errors.items import ContentConflict
from services.fieldwork.errors.naming import NotKnownYet
from services.fieldwork.repository.items import Kept
from services.fieldwork.rules.names import Named
from shared.reference.queries import Work
from shared.web.problems import Problem

Outcome = Literal["created", "duplicate", "conflict", "rejected", "retryable"]
FINE: frozenset[Outcome | None] = frozenset(("created", "duplicate"))
I = TypeVar("I", bound=BaseModel)  # noqa: E741  # I for item


@dataclass(slots=True)
class Entry(Generic[I]):
    """One item on its way through a use case."""

    index: int
    item: I | None = None
    id: UUID | None = None
    """Whose place among all items is known: given, or derived from the client's name for it and its county."""
    content_hash: bytes = b""
    meaning_hash: bytes | None = None
    actor: UUID | None = None
    work: Work | None = None
    outcome: Outcome | None = None
    problem: Problem | None = None

    @property
    def given(self) -> I:
        """The item of an entry that could be read."""
        if self.item is None:
            raise LookupError("this entry could not be read")
        return self.item

    @property
    def key(self) -> UUID:
        """The id of an entry that is open."""
        if self.id is None:
            raise LookupError("nobody knows yet what it is called here")
        return self.id

    def sent(self, subject: str, now: datetime) -> tuple[Any, ...]:
        """The first columns of every item: its id, what another system calls it, its hashes, who sent it and when."""
        named = getattr(self.given, "id", None)
        called = tuple(named) if isinstance(named, Named) else (None, None)
        return (self.key, *called, self.content_hash, self.meaning_hash, subject, now)

    @property
    def is_open(self) -> bool:
        """Nothing is decided about it so far."""
        return self.outcome is None

    @property
    def may_be_kept(self) -> bool:
        """Well formed, not created now, and sent by somebody who may know."""
        refused = self.problem is not None and self.problem.status in (403, 404)
        return self.id is not None and self.outcome != "created" and not refused

    def fail(self, problem: Problem) -> None:
        """What is not known here yet may be sent again, what conflicts or breaks a rule may not."""
        self.problem = problem
        self.outcome = "retryable" if isinstance(problem, NotKnownYet) else "rejected"

    def conflict(self, problem: Problem) -> None:
        """Something else stands where this item would go; nothing was changed."""
        self.outcome, self.problem = "conflict", problem

    def meets(self, kept: Kept) -> None:
        """The id is in use: for what says or means the same, or for something else."""
        means_the_same = self.meaning_hash is not None and self.meaning_hash == kept.meaning
        if means_the_same or kept.content == self.content_hash:
            self.outcome, self.problem = "duplicate", None
        else:
            self.conflict(ContentConflict())
