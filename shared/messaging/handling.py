"""What a service hands to the consumer: one handler per topic, over a batch in order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.base import FactData
from shared.contracts.envelope import Fact
from shared.contracts.registry import COMPACTED, types_for
from shared.database.unit import Unit


@dataclass(frozen=True, slots=True)
class Refused:
    """A fact that breaks a rule of the reader; it goes to the dead letters and its stream is held."""

    fact: Fact[Any]
    reason: str


Handler = Callable[[Sequence[Fact[Any]], Unit], Awaitable[Sequence[Refused]]]
"""Applies the new facts of one topic, in the order of each stream, duplicates already dropped."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic a worker consumes: handler, the fact classes it asks for, whether only the last state counts."""

    handler: Handler
    types: Mapping[str, type[FactData]]
    compacted: bool


def subscriptions(service: str, handlers: Mapping[str, Handler]) -> dict[str, Subscription]:
    """What the registry lists for this reader on each of its topics."""
    return {
        topic: Subscription(handler, types_for(service, topic), topic in COMPACTED)
        for topic, handler in handlers.items()
    }
