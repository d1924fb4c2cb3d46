"""Every record of a batch is applied, dropped, held or put aside, by its place in the stream alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.contracts.envelope import Place
from shared.ids import new_id
from shared.messaging.incoming import Incoming
from shared.messaging.sorting import Cursor, Ended, sort_reference, sort_stream

IDS = [new_id() for _ in range(10)]


def record(
    offset: int, sequence: int, *, previous: UUID | None = None, epoch: int = 1, key: str = "a", **more: Any
) -> Incoming:
    before = previous or (IDS[sequence - 1] if sequence > 1 else None)
    place = Place("t.v1", more.pop("id", IDS[sequence]), sequence, before, epoch)
    fact = more.pop("fact", object())
    return Incoming(0, offset, key, None, place, fact, more.pop("wrong", None))


def test_a_stream_is_applied_in_order_from_its_first_fact() -> None:
    done = sort_stream([record(0, 1), record(1, 2)], {}, {})
    assert [i.offset for i in done.apply] == [0, 1]
    assert done.cursors == {"a": Cursor(2, IDS[2], 1)}


def test_what_was_applied_before_is_dropped_and_counted() -> None:
    done = sort_stream([record(5, 1), record(6, 2), record(7, 2)], {"a": Cursor(1, IDS[1], 1)}, {})
    assert [i.offset for i in done.apply] == [6]
    assert done.duplicates == {0: 2}


def test_a_gap_holds_its_stream_and_no_other() -> None:
    done = sort_stream([record(0, 1), record(1, 3), record(2, 4), record(3, 1, key="b")], {}, {})
    assert [i.offset for i in done.apply] == [0, 3]
    assert [i.offset for i, _ in done.held] == [1, 2]
    assert done.cursors["a"].held == "gap: 3 after 1"
    assert done.cursors["a"].last_seq == 1


def test_another_history_of_the_publisher_is_held_never_skipped() -> None:
    cursor = {"a": Cursor(3, IDS[3], 1)}
    rewritten = sort_stream([record(0, 3, epoch=2, id=IDS[9])], cursor, {})
    foreign = sort_stream([record(0, 4, previous=IDS[9])], cursor, {})
    assert "fork" in str(rewritten.cursors["a"].held)
    assert "fork" in str(foreign.cursors["a"].held)
    assert not rewritten.apply
    assert not foreign.apply


def test_a_higher_epoch_that_continues_exactly_is_a_normal_failover() -> None:
    done = sort_stream([record(0, 4, epoch=2)], {"a": Cursor(3, IDS[3], 1)}, {})
    assert done.cursors["a"] == Cursor(4, IDS[4], 2, earlier=(Ended(1, 3),))


def test_an_old_publisher_that_continues_after_the_failover_is_held() -> None:
    done = sort_stream([record(0, 4, epoch=1)], {"a": Cursor(3, IDS[3], 2)}, {})
    assert "fork" in str(done.cursors["a"].held)


def test_a_broken_fact_is_put_aside_and_the_later_ones_of_its_stream_wait() -> None:
    batch = [record(0, 1), record(1, 2), record(2, 3), record(3, 1, key="b")]
    done = sort_stream(batch, {}, {(0, 1): "rule broken"})
    assert [(i.offset, why) for i, why in done.dead] == [(1, "rule broken")]
    assert [i.offset for i, _ in done.held] == [2]
    assert [i.offset for i in done.apply] == [0, 3]
    assert done.cursors["a"].last_seq == 1


def test_bytes_without_a_place_are_put_aside_and_hold_their_stream() -> None:
    broken = Incoming(0, 0, "a", None, None, None, "attribute 'ce_id' is missing")
    nameless = Incoming(0, 1, None, None, None, None, "attribute 'ce_id' is missing")
    done = sort_stream([broken, nameless, record(2, 1), record(3, 1, key="b")], {}, {})
    assert [i.offset for i, _ in done.dead] == [0, 1]
    assert [i.offset for i, _ in done.held] == [2]
    assert [i.offset for i in done.apply] == [3]


def test_a_type_the_reader_does_not_ask_for_moves_the_cursor_only() -> None:
    done = sort_stream([record(0, 1, fact=None), record(1, 2)], {}, {})
    assert done.skipped == {0: 1}
    assert [i.offset for i in done.apply] == [1]


def test_on_reference_topics_the_highest_state_wins_and_gaps_mean_nothing() -> None:
    batch = [record(0, 5), record(1, 3), record(2, 7), record(3, 7), record(4, 1, epoch=2)]
    done = sort_reference(batch, {"a": Cursor(4, IDS[4], 1)}, {})
    assert [i.offset for i in done.apply] == [0, 2, 4]
    assert done.duplicates == {0: 2}
    assert done.cursors["a"] == Cursor(1, IDS[1], 2)


def test_another_fact_at_the_place_of_the_last_one_is_a_fork_whatever_its_epoch() -> None:
    cursor = {"a": Cursor(3, IDS[3], 2)}
    for epoch in (1, 2, 3):
        done = sort_stream([record(0, 3, epoch=epoch, id=IDS[9])], cursor, {})
        assert "fork" in str(done.cursors["a"].held)
    assert sort_stream([record(0, 3, epoch=1)], cursor, {}).duplicates == {0: 1}
