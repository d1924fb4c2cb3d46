"""Promise 15: a network that is slow, cut in the middle of a message or silent costs time and nothing else."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from shared.devstack.ports import LOOPBACK
from tests.faults.conftest import Keep, MakeLane, pick
from tests.faults.crew import Crew, crew
from tests.faults.ledger import Lane, LaneAddress, until
from tests.faults.load import applied_anew, longest_life, writing
from tests.faults.process import Orders
from tests.faults.proxy import Proxy, Side, proxy, to_port, to_socket
from tests.faults.servers import SpareBroker, SparePostgres, by_port

GIVES_UP = 45.0
STEADY_MB = 40.0
"""What one batch may need for a while: up to 1,000 records and their rows."""
STEADY_TASKS = 3


@dataclass
class Far:
    """A lane whose two workers reach the broker and the database by wires of ours only."""

    lane: Lane
    people: Crew
    broker: Proxy
    database: Proxy
    folder: Path

    @property
    def address(self) -> LaneAddress:
        """The lane as its workers see it."""
        here, port = self.lane.address, self.database.port
        return replace(
            here,
            bootstrap=f"{LOOPBACK}:{self.broker.port}",
            publisher=by_port(here.publisher, port),
            reader=by_port(here.reader, port),
        )

    def employ(self, name: str, **options: object) -> None:
        """The publisher's worker with its relay, or the reader's with its consumer."""
        files = {"said": self.folder / name, "tasks": self.folder / f"{name}.tasks"}
        given = {"publishes": name.startswith("publisher"), **files, **options}
        self.people.keep(name, lambda: Orders("worker", self.address, name, options=given))

    async def sizes(self) -> dict[int, Size]:
        """What each worker takes, by its process number."""
        return {self.people.pid(name): await self._size(name) for name in ("publisher", "reader")}

    async def _size(self, name: str) -> Size:
        told = self.folder / f"{name}.tasks"
        told.write_text("")
        process = psutil.Process(self.people.pid(name))
        process.send_signal(signal.SIGUSR1)

        async def answered() -> bool:
            return told.read_text() != ""

        await until(answered, 10)
        return Size(process.memory_info().rss / 1e6, process.num_threads(), int(told.read_text()))


@dataclass(frozen=True)
class Size:
    """Megabytes, threads and tasks of a process."""

    megabytes: float
    threads: int
    tasks: int

    def grown_from(self, before: Size) -> Size:
        """By how much it is larger."""
        return Size(self.megabytes - before.megabytes, self.threads - before.threads, self.tasks - before.tasks)


@pytest.fixture
async def far(
    spare_broker: SpareBroker, spare_postgres: SparePostgres, make_lane: MakeLane, tmp_path: Path
) -> AsyncIterator[Far]:
    lane = await make_lane(broker=spare_broker, database=spare_postgres.new_database)
    async with (
        proxy(to_port(spare_broker.far), spare_broker.outer) as broker,
        proxy(to_socket(spare_postgres.socket)) as database,
        crew() as people,
    ):
        found = Far(lane, people, broker, database, tmp_path)
        found.employ("publisher")
        found.employ("reader")
        await applied_anew(lane, 60)
        yield found


async def _steady(far: Far, before: dict[int, Size]) -> str:
    """No process that lived through it has grown; tells by how much."""
    after = await far.sizes()
    grown = [after[pid].grown_from(before[pid]) for pid in before if pid in after]
    for one in grown:
        assert one.megabytes < STEADY_MB
        assert one.threads <= STEADY_TASKS
        assert one.tasks <= STEADY_TASKS
    most = max((one.megabytes for one in grown), default=None)
    return "no worker lived through it" if most is None else f"memory of a worker {most:+.0f} MB, no task more"


async def test_a_slow_network(far: Far, keep: Keep) -> None:
    times = pick(1, 8)
    before = await far.sizes()
    far.broker.delay = far.database.delay = 0.2
    async with writing(far.lane, facts=5):  # a relay's round takes over a second on such a wire
        slowest = max([await applied_anew(far.lane, 60) for _ in range(times)])
    far.broker.delay = far.database.delay = 0.0
    verdict = await far.lane.settled()
    grown = await _steady(far, before)
    assert verdict.is_clean
    assert far.people.gave_up == 0
    keep(
        15,
        "network: delay of 200 ms each way",
        f"{verdict.published:,} facts",
        f"lost {verdict.lost}, doubled {verdict.doubled}, applied at most {slowest:.1f} s after COMMIT, {grown}",
    )


async def test_a_network_cut_in_the_middle_of_messages(far: Far, keep: Keep) -> None:
    cuts = pick(6, 60)
    before = await far.sizes()
    async with writing(far.lane):
        for number in range(cuts):
            wire = (far.broker, far.database)[number % 2]
            side: Side = random.choice(("client", "server"))
            wire.cut_after(random.randint(1, 5_000), side)
            done = wire.cuts

            async def cut(wire: Proxy = wire, done: int = done) -> bool:
                return wire.cuts > done

            await until(cut, 30)
    again = await applied_anew(far.lane, 60)
    verdict = await far.lane.settled()
    grown = await _steady(far, before)
    assert verdict.is_clean
    keep(
        15,
        "network: cut in mid-message",
        f"{cuts} cuts, {verdict.published:,} facts",
        f"lost {verdict.lost}, doubled {verdict.doubled}, {far.people.gave_up} workers gave up and were started again, "
        f"applying again after {again:.1f} s, {grown}",
    )


async def test_a_broker_in_a_black_hole(far: Far, keep: Keep) -> None:
    seconds = pick(5, 60)
    before = await far.sizes()
    async with writing(far.lane) as load:
        far.broker.silence()
        longest = await longest_life(far.people, "publisher", seconds)
        far.broker.resume()
        again = await applied_anew(far.lane, 60)
    verdict = await far.lane.settled()
    grown = await _steady(far, before)
    assert load.refused == 0
    assert longest < GIVES_UP
    assert verdict.is_clean
    keep(
        15,
        "network: broker in a black hole",
        f"{seconds} s, {verdict.published:,} facts",
        f"lost {verdict.lost}, doubled {verdict.doubled}, no relay lived on for more than {longest:.0f} s (goal 45), "
        f"applying again after {again:.1f} s, {grown}",
    )


async def test_a_database_in_a_black_hole(far: Far, keep: Keep) -> None:
    seconds, patience = pick(5, 60), pick(2, 40)
    far.employ("publisher patient", patience=1e9)
    for name in ("publisher", "reader"):
        far.people.dismiss(name)
        far.employ(name, patience=patience)
    await applied_anew(far.lane, 60)
    far.database.silence()
    names = ("publisher", "reader", "publisher patient")
    *lives, control = await asyncio.gather(*(longest_life(far.people, name, seconds) for name in names))
    far.database.resume()
    async with writing(far.lane):
        again = await applied_anew(far.lane, 60)
    verdict = await far.lane.settled()
    assert max(lives) < patience + 5
    assert control > seconds - 1
    assert verdict.is_clean
    keep(
        15,
        "network: database in a black hole",
        f"{seconds} s, {verdict.published:,} facts",
        f"lost {verdict.lost}, doubled {verdict.doubled}, no worker hung for more than {max(lives):.0f} s (patience "
        f"{patience} s), applying again after {again:.1f} s",
    )
    keep(15, "control: nobody takes the pulse", f"{seconds} s", f"hung for {control:.0f} s, to the end")


async def test_control_a_consumer_that_commits_its_offsets_first_loses_facts_at_cuts(far: Far, keep: Keep) -> None:
    far.people.dismiss("reader")
    far.people.keep("reader", lambda: Orders("reader", far.address, broken="commits first"))
    cuts = lost = 0
    async with writing(far.lane):
        while not lost and cuts < 30:
            applied = await far.lane.count()

            async def works_again(applied: int = applied) -> bool:
                return await far.lane.count() > applied

            await until(works_again, 30)
            await asyncio.sleep(random.uniform(0, 0.1))
            far.database.cut()
            cuts += 1
            lost = await _passed_over(far.lane)
    assert lost > 0
    keep(15, "control: offsets are stored first", f"{cuts} cuts", f"lost {lost}")


async def _passed_over(lane: Lane) -> int:
    """Streams that stand still because a fact of theirs was passed over."""
    [row] = await lane.read_rows("SELECT count(*) AS n FROM stream_cursor WHERE held LIKE 'gap%'")
    return int(row.n)
