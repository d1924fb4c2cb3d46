"""Promise 19: load with fault after fault; at the end nothing is outstanding and no process has grown."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from statistics import median

from sqlalchemy import text

from tests.faults.conftest import Keep, MakeLane, pick
from tests.faults.crew import Crew, crew
from tests.faults.ledger import Lane
from tests.faults.process import Orders
from tests.faults.servers import SpareBroker

GROWTH = 0.2
"""What the memory of a role may differ by between the second and the last quarter of the run."""

REST = 0.2
HIT = ("writer 1", "writer 2", "relay 1", "relay 2", "reader 1", "reader 2")
"""Spared are one busy reader and one that has nothing to read: their memory is that of a process that lives long."""


class Memory:
    """What each role's processes hold in memory, looked at again and again."""

    def __init__(self, people: Crew, names: dict[str, str]) -> None:
        self._people = people
        self._names = names
        self._seen: dict[str, list[tuple[float, int]]] = defaultdict(list)

    async def watch(self, every: float) -> None:
        while True:
            for name, role in self._names.items():
                with contextlib.suppress(OSError, StopIteration):
                    self._seen[role].append((time.monotonic(), _resident(self._people.pid(name))))
            await asyncio.sleep(every)

    def growth(self) -> dict[str, tuple[float, float]]:
        """By role, megabytes in the second quarter, and how much more of them there were in the last one."""
        found = {}
        for role, seen in self._seen.items():
            begin, end = seen[0][0], seen[-1][0]
            quarter = (end - begin) / 4
            second = median(size for at, size in seen if quarter <= at - begin < 2 * quarter)
            last = median(size for at, size in seen if at - begin >= 3 * quarter)
            found[role] = (second / 1024, last / second - 1)
        return found


def _resident(pid: int) -> int:
    """Kilobytes of a process in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@asynccontextmanager
async def _in_background(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


class Trouble:
    """One fault at a time, of every kind."""

    def __init__(self, people: Crew, lane: Lane, broker: SpareBroker) -> None:
        self._people = people
        self._lane = lane
        self._broker = broker
        self.caused: dict[str, int] = defaultdict(int)

    async def cause(self, faults: int, every: float, longest_nap: float) -> None:
        """That many faults, among them now and then a broker that is started anew."""
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "kills": self._kill,
            "naps": lambda: self._nap(random.uniform(1, longest_nap)),
            "ended sessions": self._end_a_session,
            "repeats": self._send_again,
            "broker restarts": self._restart_the_broker,
        }
        often = cycle(kind for kind in kinds if kind != "broker restarts")
        for number in range(faults):
            due = time.monotonic() + every
            kind = "broker restarts" if number % 10 == 3 else next(often)
            self.caused[kind] += 1
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                await kinds[kind]()
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _kill(self) -> None:
        await self._people.kill(random.choice(HIT))

    async def _nap(self, seconds: float) -> None:
        name = random.choice(HIT)
        await self._people.stop(name)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._people.go_on(name)

    async def _end_a_session(self) -> None:
        database, role = random.choice(((self._lane.publisher, "relay"), (self._lane.reader, "reader")))
        async with database.engine.begin() as connection:
            await connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name"),
                {"name": f"{role} {random.choice('12')}"},
            )

    async def _send_again(self) -> None:
        async with self._lane.publisher.engine.begin() as connection:
            await connection.execute(text("UPDATE outbox SET published_at = NULL WHERE random() < 0.05"))

    async def _restart_the_broker(self) -> None:
        await asyncio.to_thread(random.choice((self._broker.stop, self._broker.kill)))
        await asyncio.to_thread(self._broker.start)


def _take_part(people: Crew, lane: Lane, quiet: Lane, careless: Lane, accepted: Path) -> None:
    """Who works on the lane that is judged, the readers of the quiet one, and the relay of the careless one."""
    for name in (*HIT, "reader 3"):
        role, _, number = name.partition(" ")
        people.keep(
            name,
            lambda role=role, number=number: Orders(role, lane.address, number, pause=0.05, accepted=accepted),  # type: ignore[misc]
            rest=REST,
        )
    people.keep("idle", lambda: Orders("reader", quiet.address, "idle"), rest=REST)
    people.keep("leaking", lambda: Orders("reader", quiet.address, "x", broken="leaks"), rest=REST)
    people.keep(
        "careless",
        lambda: Orders("relay", careless.address, die_at="relay.after_send", die_on=150, broken="marks first"),
        rest=REST,
    )


async def test_after_fault_upon_fault_nothing_is_outstanding_and_nobody_has_grown(
    spare_broker: SpareBroker, make_lane: MakeLane, tmp_path: Path, keep: Keep
) -> None:
    faults, every = pick(6, 90), pick(3, 10)
    lane, quiet, careless = [await make_lane(broker=spare_broker) for _ in range(3)]
    async with crew() as people:
        _take_part(people, lane, quiet, careless, tmp_path / "accepted")
        await careless.backlog(200)
        memory = Memory(
            people,
            {name: name.partition(" ")[0] for name in HIT}
            | {"reader 3": "spared reader", "idle": "idle reader", "leaking": "leaking reader"},
        )
        trouble = Trouble(people, lane, spare_broker)
        async with _in_background(memory.watch(pick(1, 5) / 2)):
            await trouble.cause(faults, every, longest_nap=pick(2, 9))
        for name in ("writer 1", "writer 2", "careless"):
            people.dismiss(name)
        began = time.monotonic()
        verdict = await lane.settled()
        to_zero = time.monotonic() - began
        for role in ("relay", "reader"):
            people.keep(f"{role} at last", lambda role=role: Orders(role, careless.address), rest=REST)  # type: ignore[misc]
        lost = await careless.settled(seconds=2)
    known = {str(row.fact_id) for row in await lane.read_rows("SELECT fact_id FROM ledger")}
    forgotten = set((tmp_path / "accepted").read_text().split()) - known
    growth = memory.growth()
    leaking = growth.pop("leaking reader")
    assert verdict.is_clean
    assert forgotten == set()
    assert {role: more for role, (_, more) in growth.items() if more > GROWTH} == {}
    assert leaking[1] > GROWTH
    assert lost.outstanding > 0
    keep(
        19,
        "long run",
        f"{faults * every} s, {', '.join(f'{number} {kind}' for kind, number in trouble.caused.items())}, "
        f"{verdict.published:,} facts",
        f"outstanding {verdict.outstanding} after {to_zero:.1f} s, lost {verdict.lost}, doubled {verdict.doubled}, "
        f"out of order {verdict.out_of_order}; memory from the second to the last quarter: "
        + ", ".join(f"{role} {size:.0f} MB {more:+.0%}" for role, (size, more) in sorted(growth.items())),
    )
    keep(19, "control: a relay that marks first", "the same run", f"outstanding for ever {lost.outstanding}")
    keep(19, "control: a reader that leaks", "the same run", f"memory {leaking[0]:.0f} MB {leaking[1]:+.0%}")
