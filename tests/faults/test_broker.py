"""Promises 5 and 6: the broker may go away and come back, for long or again and again."""

from __future__ import annotations

import asyncio
import random
import time

from tests.faults.conftest import Keep, MakeLane, pick
from tests.faults.crew import Crew, crew
from tests.faults.ledger import Lane, officers, until
from tests.faults.load import applied_anew, longest_life, writing
from tests.faults.process import Orders
from tests.faults.servers import SpareBroker

GIVES_UP = 45.0
REST = 0.2
"""Before a process that ended is started again, as supervisors do."""


def _keep(people: Crew, lane: Lane, name: str, *, relay: str | None = None, reader: str | None = None) -> None:
    people.keep(f"relay {name}", lambda: Orders("relay", lane.address, name, broken=relay), rest=REST)
    people.keep(f"reader {name}", lambda: Orders("reader", lane.address, name, broken=reader), rest=REST)


async def test_the_broker_is_away_while_facts_are_written(
    spare_broker: SpareBroker, make_lane: MakeLane, keep: Keep
) -> None:
    seconds = pick(8, 180)
    lane, careless = await make_lane(broker=spare_broker), await make_lane(broker=spare_broker)
    async with crew() as people:
        _keep(people, lane, "one")
        _keep(people, careless, "careless", relay="marks first")
        await asyncio.gather(applied_anew(lane, 30), applied_anew(careless, 30))
        await asyncio.to_thread(spare_broker.stop)
        async with writing(lane) as load, writing(careless, facts=2):
            await asyncio.sleep(1)
            await people.kill("relay careless")
            longest = await longest_life(people, "relay one", seconds - 1)
        waiting = await lane.outstanding()
        await asyncio.to_thread(spare_broker.start)
        answered = time.monotonic()
        await applied_anew(lane, GIVES_UP)
        verdict = await lane.settled()
        drained = time.monotonic() - answered
        await until(careless.caught_up)
        control = await careless.verdict()
    assert load.refused == 0
    assert waiting == len(load.accepted) > 0
    assert longest < GIVES_UP
    assert verdict.is_clean
    assert control.lost > 0
    keep(
        5,
        "broker away",
        f"{seconds} s under writes, {len(load.accepted):,} facts accepted meanwhile, {load.refused} refused",
        f"lost {verdict.lost}, order violations {verdict.out_of_order}, no relay lived on for more than {longest:.0f} s"
        f" (goal 45), drained {waiting / drained:,.0f} facts/s",
    )
    keep(5, "control: a relay that marks before it sends", f"{control.published:,} facts", f"lost {control.lost}")


async def test_a_broker_that_is_bounced_leaves_nobody_stuck(
    spare_broker: SpareBroker, make_lane: MakeLane, keep: Keep
) -> None:
    bounces = pick(2, 20)
    lane, took = await make_lane(broker=spare_broker), []
    async with crew() as people:
        _keep(people, lane, "one")
        people.keep("reader two", lambda: Orders("reader", lane.address, "two"))
        await applied_anew(lane, 30)
        async with writing(lane, facts=10):
            for _ in range(bounces):
                await asyncio.to_thread(random.choice((spare_broker.stop, spare_broker.kill)))
                await asyncio.to_thread(spare_broker.start)
                took.append(await applied_anew(lane, GIVES_UP))
        verdict = await lane.settled()
    assert verdict.is_clean
    keep(
        6,
        "broker bounced",
        f"{bounces} restarts under load, {verdict.published:,} facts",
        f"stuck consumers 0, every stream applied again p99 {_p99(took):.1f} s after the broker's answer, "
        f"lost {verdict.lost}, doubled {verdict.doubled}",
    )


async def test_a_client_that_stops_fetching_is_seen_and_its_process_ends(make_lane: MakeLane, keep: Keep) -> None:
    watched, ignored = await make_lane(), await make_lane()
    async with crew() as people:
        _keep(people, ignored, "ignored", reader="nobody watches")
        _keep(people, watched, "watched", reader="stops fetching")
        for lane in (ignored, watched):
            await applied_anew(lane, 30)
        await ignored.publish(*officers())  # a fetch on its way may still bring some of these
        await applied_anew(watched, 30)
        before = await ignored.outstanding()
        await ignored.publish(*officers())
        for _ in range(pick(1, 19)):
            await applied_anew(watched, 30)
        stuck = await ignored.outstanding()
        verdict = await watched.settled()
    assert verdict.is_clean
    assert people.gave_up > 0
    assert stuck == before + len(officers())
    keep(6, "a client that stops fetching", f"{people.gave_up} times", "seen, the process ended and was started again")
    keep(6, "control: nobody looks whether it fetches", "1 time", f"stuck for ever, {stuck} facts outstanding")


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]
