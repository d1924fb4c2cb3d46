"""Every sequence of what can happen to two deliveries of one endpoint, moved by the shipped rules.

Calls are taken and end in every way, leases are lost, the station answers, people pause, resume, set anew and send
again, time passes. What must hold is written here anew, in figures and not in the rules' own words.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from services.intel.rules import delivery as rules

DEPTH = 7
STATES = 100_000

SHORT, LONG = 5, 300
SCHEDULE = (SHORT, LONG)
LONGEST_REST = 60
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
ENDINGS = (
    ("delivered", None),
    ("gone", None),
    ("refused", None),
    ("failed", None),
    ("failed", 120),
    ("refused", 1),
    ("failed", 10_000),
    ("unsent", None),
)


class Wrong(Exception):
    """Something must not be so."""


class Told(NamedTuple):
    """A delivery, and what a person at the window would have counted."""

    row: Any
    sending: bool = False
    tries: int = 0
    """Calls that count, also those whose end nobody learned; one more than the waits there are, and it is given up."""
    over: bool = False


class World(NamedTuple):
    """One endpoint and its deliveries at a moment."""

    endpoint: Any
    told: tuple[Told, ...]
    now: datetime = BEGIN
    works: bool = False
    """The last thing known of the address is that it works."""
    paused: bool = False
    failed: int = 0
    quiet_until: datetime = BEGIN
    asked_until: datetime = BEGIN

    @property
    def on_their_way(self) -> int:
        return sum(one.sending for one in self.told)


def test_no_sequence_of_events_breaks_a_promise() -> None:
    assert sum(_walk(rules, events, DEPTH) for events in _PAIRS) >= STATES


# Each takes one protection away, or turns it a little.
MUTANTS = (
    ("AT_ONCE = 2", "AT_ONCE = 3"),
    ("AT_ONCE if endpoint.proven and endpoint.failures == 0 else 1", "AT_ONCE"),
    ("endpoint.proven and endpoint.failures == 0", "endpoint.proven"),
    ("endpoint.proven and endpoint.failures == 0", "endpoint.failures == 0"),
    ('delivery.state != "pending" or delivery.next_at > now', "delivery.next_at > now"),
    ("delivery.next_at > now or on_their_way", "on_their_way"),
    ("on_their_way >= room(endpoint)", "on_their_way > room(endpoint)"),
    ("(endpoint.rests_until, endpoint.asked_until)", "(endpoint.rests_until,)"),
    ("(endpoint.rests_until, endpoint.asked_until)", "(endpoint.asked_until,)"),
    ("delivery.event == TEST or not (endpoint.paused or rests)", "not (endpoint.paused or rests)"),
    ("not (endpoint.paused or rests)", "not rests"),
    ("not (endpoint.paused or rests)", "not endpoint.paused"),
    ("failures=0, proven=True, rests_until=None", "failures=0, rests_until=None"),
    ("failures=0, proven=True, rests_until=None", "proven=True, rests_until=None"),
    ("failures=0, proven=True, rests_until=None", "failures=0, proven=True"),
    ("proven=True, rests_until=None", "proven=True, rests_until=None, asked_until=None"),
    (", well, hasten=True)", ", well)"),
    ('delivery._replace(state="delivered")', "delivery"),
    ('call.outcome == "gone" and delivery.event != TEST', 'call.outcome == "gone"'),
    ('call.outcome == "gone" and delivery.event != TEST', "False"),
    ("attempts=delivery.attempts - 1, next_at=now", "next_at=now"),
    ("endpoint._replace(paused=True)", "endpoint"),
    ("max(now + asked, endpoint.asked_until or now)", "now + asked"),
    ("endpoint = endpoint._replace(asked_until=", "endpoint._replace(asked_until="),
    ('if call.outcome == "failed":', "if True:"),
    ('if call.outcome == "failed":', "if False:"),
    ("endpoint.failures + 1", "1"),
    ("min(_step(failures, schedule, spread), LONGEST_REST)", "_step(failures, schedule, spread)"),
    ("min(_step(failures, schedule, spread), LONGEST_REST)", "LONGEST_REST"),
    ("() if delivery.event == TEST else schedule", "schedule"),
    ('delivery._replace(state="dead")', "delivery"),
    ("asked or wait", "wait"),
    ("asked or wait", "max(asked or wait, wait)"),
    ('delivery.state != "pending" or delivery.next_at <= now', "delivery.next_at <= now"),
    ('delivery.state != "pending" or delivery.next_at <= now', 'delivery.state != "pending"'),
    ("max(delivery.attempts - 1, 0), next_at=now", "delivery.attempts, next_at=now"),
    ("max(delivery.attempts - 1, 0), next_at=now", "0, next_at=now"),
    ('state="pending", attempts=0, next_at=now', 'state="pending", next_at=now'),
    ('state="pending", attempts=0, next_at=now', "attempts=0, next_at=now"),
    ('state="pending", attempts=0, next_at=now', 'state="pending", attempts=0'),
    ("None if attempts > len(schedule)", "None if attempts >= len(schedule)"),
    ("schedule[min(number, len(schedule)) - 1]", "schedule[0]"),
    ("max(asked, timedelta(seconds=min(schedule)))", "asked"),
    ("timedelta(seconds=max(schedule)))", "asked)"),
)


@pytest.mark.parametrize(("shipped", "mutated"), MUTANTS, ids=[f"{a} -> {b}" for a, b in MUTANTS])
def test_a_mutant_is_killed(shipped: str, mutated: str) -> None:
    mutant = _mutant(shipped, mutated)
    # The shortest sequences first: a mutant does not live long.
    assert any(_breaks_a_promise(mutant, events, depth) for depth in range(1, DEPTH + 1) for events in _PAIRS)


def _breaks_a_promise(mutant: ModuleType, events: tuple[str, str], depth: int) -> bool:
    try:
        _walk(mutant, events, depth)
    except (Wrong, IndexError):
        return True
    return False


def _mutant(shipped: str, mutated: str) -> ModuleType:
    source = inspect.getsource(rules)
    assert source.count(shipped) == 1, f"{shipped} is no longer there once"
    module = ModuleType("mutant_of_delivery")
    sys.modules[module.__name__] = module
    exec(source.replace(shipped, mutated), module.__dict__)
    return module


_PAIRS = ((rules.ORDER, rules.ORDER), (rules.ORDER, rules.TEST))


def _walk(module: Any, events: tuple[str, str], depth: int) -> int:
    """How many worlds were seen, at the end of every sequence of events up to this depth."""
    endpoint = module.Endpoint(paused=False, failures=0, proven=False, rests_until=None, asked_until=None)
    world = World(endpoint, tuple(Told(module.Delivery(event, "pending", 0, BEGIN)) for event in events))
    seen: dict[World, int] = {}
    _from_here(module, world, depth, seen)
    return len(seen)


def _from_here(module: Any, world: World, depth: int, seen: dict[World, int]) -> None:
    # The same world was gone on from before, to the same depth or a greater one.
    if seen.get(world, -1) >= depth:
        return
    _check(module, world)
    seen[world] = depth
    if depth > 0:
        for name, step in _steps(module, world):
            try:
                _from_here(module, step(), depth - 1, seen)
            except Wrong as wrong:
                wrong.add_note(f"before: {name}")
                raise


def _steps(module: Any, world: World) -> Iterator[tuple[str, Any]]:
    for n, one in enumerate(world.told):
        if one.sending:
            for outcome, asked in ENDINGS:
                yield f"{n} ends {outcome} {asked}", partial(_end, module, world, n, outcome, asked)
            yield f"{n} loses its lease", partial(_with, world, n, sending=False)
        elif module.may_call(one.row, world.endpoint, world.on_their_way, world.now):
            yield f"{n} is taken", partial(_take, world, n)
        yield f"{n} is sent again", partial(_send_again, module, world, n)
    yield "the station answers the first", partial(_answered, world)
    yield "paused", partial(world._replace, endpoint=world.endpoint._replace(paused=True), paused=True)
    yield "resumed", partial(_resume, module, world)
    yield "set anew", partial(_set_anew, module, world)
    for seconds in (SHORT, LONGEST_REST, LONG):
        yield f"{seconds} s pass", partial(world._replace, now=world.now + timedelta(seconds=seconds))


def _take(world: World, n: int) -> World:
    one = world.told[n]
    row = one.row._replace(attempts=one.row.attempts + 1)
    return _with(world, n, sending=True, tries=one.tries + 1, row=row)


def _end(module: Any, world: World, n: int, outcome: str, asked: int | None) -> World:
    one = world.told[n]
    call = module.Call(outcome, None if asked is None else timedelta(seconds=asked))
    after = module.after(call, one.row, world.endpoint, SCHEDULE, 0, world.now)
    world = world._replace(endpoint=after.endpoint)
    if outcome == "delivered":
        return _delivered(module, world, n, after)
    if after.hasten:
        raise Wrong("nothing went well, and others are hastened")
    if outcome == "gone" and one.row.event != rules.TEST:
        if after.decided != "paused" or not after.endpoint.paused or after.delivery.next_at > world.now:
            raise Wrong("410 does not pause")
        return _with(world, n, sending=False, tries=one.tries - 1, row=after.delivery)._replace(paused=True)
    return _failed(world, n, outcome, asked, after)


def _delivered(module: Any, world: World, n: int, after: Any) -> World:
    if after.decided != "delivered" or not after.hasten:
        raise Wrong("well, and not delivered")
    world = _with(world, n, sending=False, over=True, row=after.delivery)
    hastened = []
    for one in world.told:
        row = module.hastened(one.row, world.now)
        waited = one.row.state == "pending" and one.row.next_at > world.now
        if one.over and row != one.row:
            raise Wrong("what is over is hastened")
        if row.state == "pending" and row.next_at > world.now:
            raise Wrong("what waits is not due after a success")
        hastened.append(one._replace(row=row, tries=max(one.tries - waited, 0)))
    return world._replace(told=tuple(hastened), works=True, failed=0, quiet_until=BEGIN)


def _failed(world: World, n: int, outcome: str, asked: int | None, after: Any) -> World:
    one = world.told[n]
    dead = one.row.event == rules.TEST or one.tries > len(SCHEDULE)
    if (after.decided == "dead", after.delivery.state == "dead") != (dead, dead):
        raise Wrong("given up too early or too late")
    wait = None if asked is None else min(max(asked, SHORT), LONG)
    if not dead:
        due = after.delivery.next_at - world.now
        if due != timedelta(seconds=SCHEDULE[one.tries - 1] if wait is None else wait):
            raise Wrong("not tried again when it should be")
    if wait is not None:
        until = max(world.asked_until, world.now + timedelta(seconds=wait))
        world = world._replace(asked_until=until)
    if outcome == "failed":
        rest = timedelta(seconds=SHORT if world.failed == 0 else LONGEST_REST)
        world = world._replace(works=False, failed=world.failed + 1, quiet_until=world.now + rest)
    return _with(world, n, sending=False, over=dead, row=after.delivery)


def _send_again(module: Any, world: World, n: int) -> World:
    row = module.sent_again(world.told[n].row, world.now)
    if (row.state, row.next_at) != ("pending", world.now):
        raise Wrong("not sent again")
    return _with(world, n, sending=False, over=False, tries=0, row=row)


def _answered(world: World) -> World:
    return _with(world, 0, sending=False, over=True, row=world.told[0].row._replace(state="delivered"))


def _resume(module: Any, world: World) -> World:
    told = []
    for one in world.told:
        waited = one.row.state == "pending" and one.row.next_at > world.now
        told.append(one._replace(row=module.hastened(one.row, world.now), tries=max(one.tries - waited, 0)))
    well = world.endpoint._replace(paused=False, failures=0, rests_until=None, asked_until=None)
    works = world.endpoint.proven
    return world._replace(
        endpoint=well, told=tuple(told), paused=False, works=works, failed=0, quiet_until=BEGIN, asked_until=BEGIN
    )


def _set_anew(module: Any, world: World) -> World:
    for n, one in enumerate(world.told):
        if one.row.state != "delivered" and one.row.event != rules.TEST:
            world = _send_again(module, world, n)
    unknown = module.Endpoint(paused=False, failures=0, proven=False, rests_until=None, asked_until=None)
    return World(unknown, world.told, world.now)


def _with(world: World, n: int, **changes: Any) -> World:
    return world._replace(told=(*world.told[:n], world.told[n]._replace(**changes), *world.told[n + 1 :]))


def _check(module: Any, world: World) -> None:
    """What may be sent now may be sent, nothing else; and nothing rests for ever."""
    later = world.now + timedelta(seconds=LONG)
    news = module.Delivery(rules.ORDER, "pending", 0, world.now)
    if module.may_call(news, world.endpoint, world.on_their_way, world.now) != _may(world, news):
        raise Wrong("news is sent when it must not, or not when it may")
    for one in world.told:
        if one.over != (one.row.state != "pending"):
            raise Wrong("over, and still to be sent; or the other way round")
        may = module.may_call(one.row, world.endpoint, world.on_their_way, world.now)
        if may != (not one.over and one.row.next_at <= world.now and _may(world, one.row)):
            raise Wrong("sent when it must not, or not when it may")
        if not one.over and not world.paused and not module.may_call(one.row, world.endpoint, 0, later):
            raise Wrong("it would rest for ever")


def _may(world: World, row: Any) -> bool:
    """Whether the endpoint may be called."""
    rests = world.paused or world.now < max(world.quiet_until, world.asked_until)
    return world.on_their_way < (2 if world.works else 1) and (row.event == rules.TEST or not rests)
