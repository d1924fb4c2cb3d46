"""A log that is not the one our offsets belong to: its topic was deleted and created again."""

from __future__ import annotations

from shared.messaging.incoming import Incoming
from shared.messaging.sorting import Cursor


class LogReplaced(RuntimeError):
    """What stands before our offset was never read: to go on would skip it silently, this process must exit."""


def is_strange(incoming: Incoming, cursor: Cursor | None, *, compacted: bool) -> bool:
    """Whether a record behind our offset is none of those that brought its stream's cursor to where it is.

    What cannot be told is not strange: an unreadable record, a stream that is held.
    """
    place = incoming.place
    if incoming.wrong or place is None or (cursor and cursor.held):
        return False
    if cursor is None:
        return True
    if compacted:
        return (place.epoch, place.sequence) > (cursor.epoch, cursor.last_seq)
    return place.sequence > cursor.last_seq or (place.sequence == cursor.last_seq and place.id != cursor.last_id)
