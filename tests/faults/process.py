"""Processes of the message path, started from a fork server, that a test may kill, stop or tell where to die.

`python -m` for each would cost a second of CPU; a forked one is a process of its own all the same. What a process does
is the product's own: `Relay`, `Consumer`, `Database.unit`. Only what is broken on purpose is here.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import uvloop

from shared.clock import system_clock
from shared.database.engine import owning_connection
from shared.database.unit import Database
from shared.messaging import state
from shared.messaging.consumer import Consumer
from shared.messaging.handling import Handler
from shared.messaging.outbox import Outbox
from shared.messaging.progress import Progress
from shared.messaging.relay import Relay
from tests.faults.ledger import LaneAddress, apply, officers, shaky

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__, "tests.faults.worker"])

LOST = 70


@dataclass(frozen=True)
class Orders:
    """What a process is told: its role, where it works, at which point it dies (and at which passing of it)."""

    role: str
    lane: LaneAddress
    name: str = "one"
    die_at: str | None = None
    die_on: int = 1
    broken: str | None = None
    pause: float = 0.0
    accepted: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)


def start(orders: Orders) -> BaseProcess:
    """Start a process; it is a daemon, so it ends with the tests at the latest."""
    process = _FORKS.Process(target=run, args=(orders,), daemon=True)
    process.start()
    return process


def run(orders: Orders) -> None:
    """The whole life of a process."""
    random.seed(os.urandom(8))
    if orders.die_at:
        _die_at(orders.die_at, orders.die_on)
    roles: dict[str, Callable[[Orders], Any]] = {"writer": _write, "relay": _relay, "reader": _read, "worker": _work}
    try:
        uvloop.run(roles[orders.role](orders))
    except Exception as error:
        sys.stderr.write(f"{orders.role} {orders.name}: {type(error).__name__}: {error}\n")
        sys.stderr.flush()
        os._exit(LOST)


def _lost() -> None:
    os._exit(LOST)


async def _write(orders: Orders) -> None:
    """Transactions of one to five facts for random officers, for ever; accepted ids go to the file after COMMIT."""
    assert orders.accepted is not None
    database = Database(orders.lane.publisher)
    accepted = os.open(orders.accepted, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    while True:
        facts = [orders.lane.fact(random.choice(officers())) for _ in range(random.randint(1, 5))]
        async with database.unit() as unit:
            unit.outbox.add(*facts)
        _passing("writer.after_commit")
        os.write(accepted, "".join(f"{fact.id}\n" for fact in facts).encode())
        await asyncio.sleep(orders.pause)


async def _relay(orders: Orders) -> None:
    connection = await owning_connection(orders.lane.publisher, _lost, f"relay {orders.name}")
    kind = Relay
    if orders.broken:
        from tests.faults import broken

        kind = broken.RELAYS[orders.broken]
    await kind(connection, orders.lane.bootstrap, "test").run()


async def _read(orders: Orders) -> None:
    connection = await owning_connection(orders.lane.reader, _lost, f"reader {orders.name}")
    kind = Consumer
    if orders.broken:
        from tests.faults import broken

        kind = broken.CONSUMERS[orders.broken]
    topics = orders.lane.subscription(_handler(orders))
    await kind(connection, orders.lane.bootstrap, "test", topics, system_clock).run()


async def _work(orders: Orders) -> None:
    from tests.faults.worker import work

    await work(orders, _handler(orders))


def _handler(orders: Orders) -> Handler:
    handler = apply(orders.name, orders.options.get("refused"))
    return shaky(handler, orders.options["shaky"]) if "shaky" in orders.options else handler


# Where a process may be told to die. Each is a moment between two steps that must not be torn apart.
POINTS = (
    "writer.before_commit",
    "writer.after_commit",
    "relay.after_send",
    "relay.before_mark",
    "reader.before_commit",
    "reader.after_commit",
)
_passings: dict[str, int] = {}
_appointed: tuple[str, int] | None = None


def _passing(point: str) -> None:
    """The process is at this point; it dies here when it was told to."""
    _passings[point] = _passings.get(point, 0) + 1
    if _appointed == (point, _passings[point]):
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()  # not one step more, should another thread be the first to die


def _die_at(point: str, passing: int) -> None:
    global _appointed
    _appointed = (point, passing)
    if point == "writer.before_commit":
        _after(Outbox, "flush", point)
    elif point == "relay.after_send":
        _after(Relay, "_hand_over", point)
    elif point == "relay.before_mark":
        _after(Relay, "_send", point)
    elif point == "reader.before_commit":
        _after(state, "save", point)
    elif point == "reader.after_commit":
        _before(Progress, "count", point)


def _after(owner: Any, name: str, point: str) -> None:
    original = getattr(owner, name)

    async def then(*args: Any, **more: Any) -> Any:
        result = await original(*args, **more)
        _passing(point)
        return result

    setattr(owner, name, then)


def _before(owner: Any, name: str, point: str) -> None:
    original = getattr(owner, name)

    def first(*args: Any, **more: Any) -> Any:
        _passing(point)
        return original(*args, **more)

    setattr(owner, name, first)
