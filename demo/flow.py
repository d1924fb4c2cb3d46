"""The count check: facts published by each service against facts applied by each reader."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from demo.clients import Api, Unexpected
from demo.county import COUNTY
from demo.loader import SCHEME
from demo.month import MONTH
from shared.contracts.registry import SERVICES, TOPICS, topics_for

PAUSE = 0.25
CALM = 6  # longer than the slowest timer of a service, which looks once a second
LONGEST_WAIT = 180.0
PLACES = "personnel.division"

Flows = Mapping[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Count:
    """One topic as its publisher and one of its readers count it."""

    topic: str
    reader: str
    published: int
    applied: int
    duplicates: int
    aside: int
    """Records in dead letters and what is held behind them; some of them nobody here may have published."""

    @property
    def difference(self) -> int:
        """Facts this reader lacks or has too often."""
        return abs(self.published - self.applied)

    @property
    def quiet(self) -> bool:
        """Whether nothing is on its way to it: what it lacks was put aside."""
        return 0 <= self.published - self.applied <= self.aside


@dataclass(frozen=True)
class CountCheck:
    """All topics and readers at one moment."""

    counts: tuple[Count, ...]
    waiting: int
    pending: int

    @classmethod
    def of(cls, flows: Flows, pending: int) -> CountCheck:
        """Compare what each service says of itself; `pending` officers have sheets still to be computed."""
        return cls(tuple(_counts(flows)), sum(flow["waiting"] for flow in flows.values()), pending)

    @property
    def difference(self) -> int:
        """0 when every reader has applied every fact."""
        return sum(count.difference for count in self.counts)

    @property
    def quiet(self) -> bool:
        """Whether nothing is on its way; on a topic without readers only `waiting` tells."""
        return self.waiting == self.pending == 0 and all(count.quiet for count in self.counts)

    @property
    def aside(self) -> int:
        """Records that readers put aside until a person looks at them."""
        return sum(count.aside for count in self.counts)

    @property
    def duplicates(self) -> int:
        """Facts that came to a reader again and changed nothing."""
        return sum(count.duplicates for count in self.counts)

    def rows(self) -> list[dict[str, Any]]:
        """For programs."""
        return [asdict(count) | {"difference": count.difference} for count in self.counts]

    def __str__(self) -> str:
        said = [f"difference {self.difference}", f"put aside {self.aside}"]
        said += [f"to publish {self.waiting}", f"sheets to compute {self.pending}"]
        behind = (f"{c.topic} {c.reader} {c.applied}/{c.published}" for c in self.counts if c.difference)
        return ", ".join((*said, *behind))


async def until_quiet(services: Mapping[str, Api]) -> CountCheck:
    """Wait until nothing is on its way and nothing new comes, e.g. from sheets that are still to be recomputed.

    What lies in dead letters is not waited for: nobody but a person brings it on.
    """
    calm, last = 0, await _check(services)
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            while calm < CALM:
                await asyncio.sleep(PAUSE)
                now = await _check(services)
                calm = calm + 1 if now == last and now.quiet else 0
                last = now
    except TimeoutError:
        raise Unexpected(f"not quiet after {LONGEST_WAIT:.0f} s: {last}") from None
    return last


async def _check(services: Mapping[str, Api]) -> CountCheck:
    answers = await asyncio.gather(*(services[name].get("/v1/flow") for name in SERVICES))
    flows = dict(zip(SERVICES, answers, strict=True))
    return CountCheck.of(flows, await _pending(services["scoring"]) if _knows_places(flows) else 1)


def _knows_places(flows: Flows) -> bool:
    """Before it has heard of the county scoring has no board of it."""
    applied = flows["scoring"]["applied"].get(PLACES, _NOTHING)["facts"]
    return bool(applied >= flows["personnel"]["published"].get(PLACES, 0))


async def _pending(scoring: Api) -> int:
    board = await scoring.get("/v1/scoreboard", division=COUNTY, period=MONTH, scheme=SCHEME, limit=1)
    return int(board["pending"])


def _counts(flows: Flows) -> Iterable[Count]:
    for topic in TOPICS:
        published = flows[topic.partition(".")[0]]["published"].get(topic, 0)
        for reader in _readers(topic):
            applied = flows[reader]["applied"].get(topic, _NOTHING)
            aside = applied["dead_letters"] + applied["held"]
            yield Count(topic, reader, published, applied["facts"], applied["duplicates"], aside)


def _readers(topic: str) -> Sequence[str]:
    return [service for service in SERVICES if topic in topics_for(service)]


_NOTHING = {"facts": 0, "duplicates": 0, "dead_letters": 0, "held": 0}
