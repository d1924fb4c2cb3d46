"""Every sequence of what stations and people can say of a matter's orders, moved by the shipped rules.

A station answers, late, twice or out of order; a person orders anew; another report joins. What must hold is written
here anew, in figures and not in the rules' own words.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from services.intel.rules import lifecycle as rules

DEPTH = 7
SEQUENCES = 1_000_000
SHORT = 4
"""A mutant does not live long."""

EVENTS = ("received", "accepted", "returned", "closed")
FAR = {"ordered": 0, "received": 1, "accepted": 2, "returned": 3, "closed": 4}
NEEDED = {
    "ordered": set(),
    "received": {"received"},
    "accepted": {"received", "accepted"},
    "returned": {"received", "returned"},
    "closed": {"received", "accepted"},
}


class Wrong(Exception):
    """Something must not be so."""


class Order(NamedTuple):
    """One order, and whether another one followed it."""

    state: str = "ordered"
    followed: bool = False


class Report(NamedTuple):
    """A report: which order answers it, where it is, what others were told of this hop."""

    order: int = 0
    state: str = "ordered"
    acknowledged: tuple[str, ...] = ()


class World(NamedTuple):
    """The orders of a matter from the first on, and its reports."""

    orders: tuple[Order, ...] = (Order(),)
    reports: tuple[Report, ...] = (Report(),)


def test_no_sequence_of_answers_breaks_a_promise() -> None:
    assert _walk(rules, World(), DEPTH) >= SEQUENCES


# Each takes one protection away, or turns it a little.
MUTANTS = (
    ("followed or _RANK[event] < _RANK[state]", "_RANK[event] < _RANK[state]"),
    ("followed or _RANK[event] < _RANK[state]", "followed"),
    ("followed or _RANK[event] < _RANK[state]", "followed or _RANK[event] <= _RANK[state]"),
    ("followed or _RANK[event] < _RANK[state]", "followed or _RANK[event] > _RANK[state]"),
    ("Moved(state if late else event, late)", "Moved(event, late)"),
    ("Moved(state if late else event, late)", "Moved(state, late)"),
    ("Moved(state if late else event, late)", "Moved(state if late else event, False)"),
    ('"returned": 5, "closed": 6', '"returned": 6, "closed": 5'),
    ('"accepted": 4, "returned": 5', '"accepted": 5, "returned": 4'),
    ('"received": 3, "accepted": 4', '"received": 4, "accepted": 3'),
    ('"ordered": 2, "received": 3', '"ordered": 3, "received": 2'),
    ('"received": ("received",)', '"received": ()'),
    ('"accepted": ("received", "accepted")', '"accepted": ("accepted",)'),
    ('"accepted": ("received", "accepted")', '"accepted": ("accepted", "received")'),
    ('"accepted": ("received", "accepted")', '"accepted": ("received",)'),
    ('"returned": ("received", "returned")', '"returned": ("returned",)'),
    ('"returned": ("received", "returned")', '"returned": ("received",)'),
    ('"closed": ("received", "accepted")', '"closed": ("received",)'),
    ('"closed": ("received", "accepted")', '"closed": ("accepted",)'),
    ('"closed": ("received", "accepted")', '"closed": ("received", "accepted", "returned")'),
    ("if step not in acknowledged", "if step in acknowledged"),
    (" if step not in acknowledged", ""),
)


@pytest.mark.parametrize(("shipped", "mutated"), MUTANTS, ids=[f"{a} -> {b}" for a, b in MUTANTS])
def test_a_mutant_is_killed(shipped: str, mutated: str) -> None:
    source = inspect.getsource(rules)
    assert source.count(shipped) == 1, f"{shipped} is no longer there once"
    mutant = ModuleType("mutant_of_lifecycle")
    exec(source.replace(shipped, mutated), mutant.__dict__)
    with pytest.raises(Wrong):
        _walk(mutant, World(), SHORT)


def _walk(module: Any, world: World, depth: int) -> int:
    """How many sequences up to this depth were seen, all that they lead to checked on the way."""
    if depth == 0:
        return 1
    return 1 + sum(_walk(module, after, depth - 1) for after in _steps(module, world))


def _steps(module: Any, world: World) -> Iterator[World]:
    for n in range(len(world.orders)):
        for event in EVENTS:
            yield _answer(module, world, n, event)
    last = len(world.orders) - 1
    if world.orders[last].state != "closed" and last < 2:
        yield _order_anew(world, last)
    if len(world.reports) < 2 and FAR[world.orders[last].state] < FAR["returned"]:
        yield world._replace(reports=(*world.reports, Report(last)))


def _answer(module: Any, world: World, n: int, event: str) -> World:
    order = world.orders[n]
    moved = module.after(event, order.state, followed=order.followed)
    too_late = order.followed or FAR[event] < FAR[order.state]
    if moved.late != too_late:
        raise Wrong("late, and not called so; or the other way round")
    if moved.state != (order.state if too_late else event):
        raise Wrong("it moved when it must not, or did not when it must")
    if too_late:
        return world
    orders = (*world.orders[:n], order._replace(state=moved.state), *world.orders[n + 1 :])
    reports = tuple(_follow(module, report, moved.state) if report.order == n else report for report in world.reports)
    return World(orders, reports)


def _follow(module: Any, report: Report, state: str) -> Report:
    acknowledged = (*report.acknowledged, *module.missing_steps(state, report.acknowledged))
    if len(set(acknowledged)) != len(acknowledged):
        raise Wrong("a step is told twice")
    if acknowledged and acknowledged[0] != "received":
        raise Wrong("something is told before it was received")
    if not NEEDED[state] <= set(acknowledged):
        raise Wrong("a step is missing")
    if "returned" in acknowledged and state != "returned" and "returned" not in report.acknowledged:
        raise Wrong("it is told to have come back, and has not")
    return report._replace(state=state, acknowledged=acknowledged)


def _order_anew(world: World, last: int) -> World:
    orders = (*world.orders[:last], world.orders[last]._replace(followed=True), Order())
    reports = (Report(last + 1) if report.order == last else report for report in world.reports)
    return World(orders, tuple(reports))
