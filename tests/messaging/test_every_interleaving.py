"""Every order in which the relays of a restored publisher can bring a stream, read by the shipped functions.

A publisher is restored from a backup once or twice, so two or three histories share their beginnings; what an old
relay still sends, and sends again, mixes with what the new one sends. After each record: applied never twice, dropped
as a duplicate only what was applied, held only what was not.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.envelope import Place
from shared.messaging import sorting
from shared.messaging.incoming import Incoming
from tests.messaging import test_sorting

FIRST, SECOND, THIRD = 5, 5, 3
"""The most facts of each history."""
STATES = 1_000_000


class Wrong(Exception):
    """A record was lost, doubled or held wrongly."""


@dataclass(frozen=True)
class Histories:
    """What was sent in order before the restore, and the queues that are sent side by side after it.

    They are clean when the restore lost nothing and an old relay brings repeats only.
    """

    before: tuple[Incoming, ...]
    queues: tuple[tuple[Incoming, ...], ...]
    clean: bool


@dataclass(frozen=True)
class State:
    """A reader of one stream, and what became of its records."""

    cursor: Any
    applied: frozenset[UUID] = frozenset()
    held: frozenset[UUID] = frozenset()


def test_no_interleaving_loses_doubles_or_holds_wrongly() -> None:
    states = sum(_walk(sorting, histories) for histories in _all_histories())
    assert states >= STATES


# Each takes one protection away, or turns it a little.
MUTANTS = (
    ("return place.id == cursor.last_id", "return True"),
    ("place.sequence == cursor.last_seq and (place.id", "place.sequence == 0 and (place.id"),
    ("(place.id == cursor.last_id or place.epoch == cursor.epoch)", "(place.id == cursor.last_id)"),
    ("return cursor.has_applied(place.epoch, place.sequence)", "return place.sequence < cursor.last_seq"),
    ("return cursor.has_applied(place.epoch, place.sequence)", "return False"),
    ("epoch == known and sequence <= last for", "epoch <= known and sequence <= last for"),
    ("epoch == known and sequence <= last for", "epoch == known for"),
    ("epoch == known and sequence <= last for", "sequence <= last for"),
    ("epoch == known and sequence <= last for", "epoch == known and sequence < last for"),
    ("(*self.earlier, (self.epoch, self.last_seq))", "((self.epoch, self.last_seq),)"),
    ("(*self.earlier, ended)", "self.earlier"),
    ("(*self.earlier, ended)", "(ended,)"),
    ("if place.epoch == self.epoch or not", "if not"),
    ("if cursor.held:", "if False:"),
    ("return cursor._replace(held=fault)", "return cursor"),
    ("place.previous != cursor.last_id or place.epoch < cursor.epoch", "place.epoch < cursor.epoch"),
    ("place.previous != cursor.last_id or place.epoch < cursor.epoch", "place.previous != cursor.last_id"),
)


@pytest.mark.parametrize(("shipped", "mutated"), MUTANTS, ids=[mutated for _, mutated in MUTANTS])
def test_a_mutant_is_killed(shipped: str, mutated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = _mutant(shipped, mutated)
    assert _fails_an_example(mutant, monkeypatch) or _fails_an_interleaving(mutant)


def _fails_an_example(mutant: ModuleType, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether one of the examples beside this file kills it: they know what no interleaving has."""
    for name in ("Cursor", "Ended", "sort_stream"):
        monkeypatch.setattr(test_sorting, name, getattr(mutant, name))
    try:
        for name, example in vars(test_sorting).items():
            if name.startswith("test_"):
                example()
    except AssertionError:
        return True
    return False


def _fails_an_interleaving(mutant: ModuleType) -> bool:
    try:
        for histories in _all_histories():
            _walk(mutant, histories)
    except Wrong:
        return True
    return False


def _mutant(shipped: str, mutated: str) -> ModuleType:
    source = inspect.getsource(sorting)
    assert source.count(shipped) == 1, f"{shipped} is no longer there once"
    module = ModuleType("mutant")
    sys.modules["mutant"] = module  # dataclasses look their module up
    exec(source.replace(shipped, mutated), module.__dict__)
    return module


def _walk(module: Any, histories: Histories) -> int:
    """How many states were visited: one for each record of each order, beginnings counted once."""
    state = State(module.Cursor())
    for record in histories.before:
        state = _step(module, record, state)
    return _from_here(module, histories.queues, state, histories.clean)


def _from_here(module: Any, queues: Sequence[tuple[Incoming, ...]], state: State, clean: bool) -> int:
    states = 0
    for n, queue in enumerate(queues):
        if queue:
            left = (*queues[:n], queue[1:], *queues[n + 1 :])
            states += 1 + _from_here(module, left, _step(module, queue[0], state), clean)
    if clean and state.held:
        raise Wrong("a stream without a conflict stands still")
    return states


def _step(module: Any, record: Incoming, state: State) -> State:
    """The state after one more record."""
    assert record.place is not None
    cursor, id = state.cursor, record.place.id
    done = module.sort_stream([record], {"s": cursor} if cursor.last_seq or cursor.held else {}, {})
    if done.apply and id in state.applied:
        raise Wrong("applied twice")
    if done.apply and state.held:
        raise Wrong("overtook what is held")
    if done.apply and record.place.sequence > 1 and record.place.previous not in state.applied:
        raise Wrong("applied before what it follows")
    if done.held and id in state.applied:
        raise Wrong("held though it was applied")
    if done.duplicates and id not in state.applied:
        raise Wrong("dropped as a duplicate, and applied nowhere")
    applied = {incoming.place.id for incoming in done.apply}
    held = {incoming.place.id for incoming, _ in done.held}
    return State(done.cursors["s"], state.applied | applied, state.held | held)


def _all_histories() -> Iterator[Histories]:
    """Every length of the histories, every place of the restores, everything an old relay had sent and sends again."""
    for length in range(1, FIRST + 1):
        first = _history([], 0, length, 1)
        for restored in range(length + 1):
            for more in range(SECOND + 1):
                second = _history(first[:restored], restored, more, 2)
                yield from _restored_once(first, second, restored)
                yield from _restored_twice(first, second, restored)


def _restored_once(first: list[Incoming], second: list[Incoming], restored: int) -> Iterator[Histories]:
    new = tuple(second[restored:])
    for seen in range(len(first) + 1):
        for again in range(seen + 1):
            yield Histories(tuple(first[:seen]), (tuple(first[again:]), new), restored == seen == len(first))


def _restored_twice(first: list[Incoming], second: list[Incoming], restored: int) -> Iterator[Histories]:
    """The second history is on the topic as far as it goes, one of its relays still sends; so does one of the first."""
    for again in range(restored, len(second) + 1):
        third = _history(second[:again], again, THIRD, 3)
        seen = tuple(first[:restored]) + tuple(second[restored:])
        late = tuple(first[max(0, restored - 1) :])
        yield Histories(seen, (late, tuple(second[again:]), tuple(third[again:])), clean=False)


def _history(kept: Sequence[Incoming], restored: int, length: int, epoch: int) -> list[Incoming]:
    """The facts that were kept, and those written after them in an epoch."""
    history = list(kept)
    for sequence in range(restored + 1, restored + length + 1):
        previous = history[-1].place.id if history and history[-1].place else None
        place = Place("t.v1", UUID(int=epoch * 100 + sequence), sequence, previous, epoch)
        history.append(Incoming(0, 0, "s", None, place, object(), None))  # type: ignore[arg-type]  # only that there is one
    return history
