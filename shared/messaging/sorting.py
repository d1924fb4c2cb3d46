"""The decision for every record of a batch: apply, drop as a duplicate, hold, or put aside as a dead letter. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.envelope import Fact, Place
from shared.messaging.incoming import Incoming

Broken = Mapping[tuple[int, int], str]
"""Why the handler refused or failed on records, by partition and offset."""

DEAD_LETTER = "dead letter"
NO_STREAM = "the record's key names no stream"


class Ended(NamedTuple):
    """An epoch of a stream that is over, and the last sequence that was applied in it."""

    epoch: int
    last_seq: int


class Cursor(NamedTuple):
    """How far one stream has been applied; `held` says why it is stopped.

    An epoch continues what was applied before it, so a record was applied if its own epoch came as far as that here. A
    late record of an older epoch that ended before it is another history's.
    """

    last_seq: int = 0
    last_id: UUID | None = None
    epoch: int = 0
    held: str | None = None
    earlier: tuple[Ended, ...] = ()

    def past(self, place: Place) -> Cursor:
        """Where the stream stands once this record is applied too."""
        if place.epoch == self.epoch or not self.last_seq:
            return Cursor(place.sequence, place.id, place.epoch, None, self.earlier)
        ended = Ended(self.epoch, self.last_seq)
        return Cursor(place.sequence, place.id, place.epoch, None, (*self.earlier, ended))

    def has_applied(self, epoch: int, sequence: int) -> bool:
        """Whether the fact of that epoch at that sequence was applied."""
        return any(epoch == known and sequence <= last for known, last in (*self.earlier, (self.epoch, self.last_seq)))


@dataclass
class Sorted:
    """A batch after the decision, and the cursors as they will be once it is applied."""

    apply: list[Incoming] = field(default_factory=list)
    dead: list[tuple[Incoming, str]] = field(default_factory=list)
    held: list[tuple[Incoming, str]] = field(default_factory=list)
    cursors: dict[str, Cursor] = field(default_factory=dict)
    duplicates: dict[int, int] = field(default_factory=dict)
    skipped: dict[int, int] = field(default_factory=dict)

    @property
    def facts(self) -> list[Fact[Any]]:
        """What the handler gets."""
        return [incoming.fact for incoming in self.apply if incoming.fact]


def sort_stream(batch: Iterable[Incoming], known: Mapping[str, Cursor], broken: Broken) -> Sorted:
    """Decide a batch of a stream topic: only `sequence = last + 1` with `previous` ours is normal."""
    done = Sorted()
    for incoming in batch:
        reason = incoming.wrong or broken.get((incoming.partition, incoming.offset))
        if incoming.stream_key is None:
            done.dead.append((incoming, reason or NO_STREAM))
            continue
        cursor = done.cursors.get(incoming.stream_key) or known.get(incoming.stream_key, Cursor())
        done.cursors[incoming.stream_key] = _step(done, incoming, cursor, reason)
    return done


def _step(done: Sorted, incoming: Incoming, cursor: Cursor, reason: str | None) -> Cursor:
    """Put one record where it belongs; returns its stream's cursor afterwards."""
    place = incoming.place
    if place and _is_duplicate(place, cursor):
        _count(done.duplicates, incoming)
        return cursor
    if cursor.held:
        done.held.append((incoming, "its stream is held"))
        return cursor
    if reason or not place:
        done.dead.append((incoming, reason or NO_STREAM))
        return cursor._replace(held=f"{DEAD_LETTER}: {reason}")
    if fault := discontinuity(place, cursor):
        done.held.append((incoming, fault))
        return cursor._replace(held=fault)
    _accept(done, incoming)
    return cursor.past(place)


def _is_duplicate(place: Place, cursor: Cursor) -> bool:
    """Sent again; another fact at the place of the last one, or of an epoch that did not come as far, is a fork."""
    if place.sequence == cursor.last_seq and (place.id == cursor.last_id or place.epoch == cursor.epoch):
        return place.id == cursor.last_id
    return cursor.has_applied(place.epoch, place.sequence)


def discontinuity(place: Place, cursor: Cursor) -> str | None:
    """Why a record does not continue its stream: lost or forked history of the publisher. None when it does."""
    if place.sequence <= cursor.last_seq:
        return f"fork: {place.sequence} again in epoch {place.epoch}, applied up to {cursor.last_seq} in {cursor.epoch}"
    if place.sequence > cursor.last_seq + 1:
        return f"gap: {place.sequence} after {cursor.last_seq}"
    if place.previous != cursor.last_id or place.epoch < cursor.epoch:
        return f"fork: {place.sequence} does not continue the fact applied before it"
    return None


def sort_reference(batch: Iterable[Incoming], known: Mapping[str, Cursor], broken: Broken) -> Sorted:
    """Decide a batch of a compacted topic: the highest (epoch, sequence) wins, gaps mean nothing, nothing is held."""
    done = Sorted()
    for incoming in batch:
        key, place = incoming.stream_key, incoming.place
        reason = incoming.wrong or broken.get((incoming.partition, incoming.offset))
        if reason or key is None or place is None:
            done.dead.append((incoming, reason or NO_STREAM))
            continue
        cursor = done.cursors.get(key) or known.get(key, Cursor())
        if (place.epoch, place.sequence) > (cursor.epoch, cursor.last_seq):
            _accept(done, incoming)
            cursor = Cursor(place.sequence, place.id, place.epoch)
        else:
            _count(done.duplicates, incoming)
        done.cursors[key] = cursor
    return done


def _accept(done: Sorted, incoming: Incoming) -> None:
    """Apply it, or count it as skipped when its type is not one this reader asks for."""
    if incoming.fact:
        done.apply.append(incoming)
    else:
        _count(done.skipped, incoming)


def _count(counter: dict[int, int], incoming: Incoming) -> None:
    counter[incoming.partition] = counter.get(incoming.partition, 0) + 1
