"""What a service hands to the consumer: one handler for each fact it asks for, over a batch in order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.base import FactData
from shared.contracts.envelope import Fact
from shared.contracts.registry import COMPACTED, topics_for, types_for
from shared.database.unit import Unit


@dataclass(frozen=True, slots=True)
class Refused:
    """A fact that breaks a rule of the reader; it goes to the dead letters and its stream is held."""

    fact: Fact[Any]
    reason: str


Handler = Callable[[Sequence[Fact[Any]], Unit], Awaitable[Sequence[Refused]]]
"""Applies new facts, in the order of each stream, duplicates already dropped."""

Handlers = Mapping[type[FactData], Handler]
"""What a reader does with each fact; of one batch those of an earlier class are applied before those of a later one."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic a worker consumes: handler, the fact classes it asks for, whether only the last state counts."""

    handler: Handler
    types: Mapping[str, type[FactData]]
    compacted: bool


class NotHandled(LookupError):
    """A reader's handlers and what the registry lists for it differ."""


def subscriptions(service: str, handlers: Handlers) -> dict[str, Subscription]:
    """The topics of a reader. Raises NotHandled: a fact that is listed and has no handler would be dropped silently."""
    listed = {kind for topic in topics_for(service) for kind in types_for(service, topic).values()}
    if wrong := sorted(kind.TYPE for kind in listed ^ handlers.keys()):
        raise NotHandled(f"{service}: the registry and the handlers differ about {', '.join(wrong)}")
    handler = in_one(handlers)
    return {
        topic: Subscription(handler, types_for(service, topic), topic in COMPACTED) for topic in topics_for(service)
    }


def in_one(handlers: Handlers) -> Handler:
    """One handler for facts of all these classes."""

    async def apply(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        """Hand the facts of each class to its handler."""
        of_class: dict[type[FactData], list[Fact[Any]]] = {}
        for fact in facts:
            of_class.setdefault(type(fact.data), []).append(fact)
        refused: list[Refused] = []
        for kind in sorted(of_class, key=order.__getitem__):
            refused += await handlers[kind](of_class[kind], unit)
        return tuple(refused)

    order = {kind: place for place, kind in enumerate(handlers)}
    return apply
