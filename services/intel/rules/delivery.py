"""How a delivery and its endpoint move: when a call may be made, and what follows from how it ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

AT_ONCE = 2
"""The most calls to one endpoint at the same time, over all workers."""
LONGEST_REST = timedelta(seconds=60)
"""A station that is well again hears of it no later, however long it failed."""
JITTER = 0.2

TEST = "endpoint.test"
ORDER, UPDATE, WITHDRAWN = "order.created", "order.updated", "order.withdrawn"

Outcome = Literal["delivered", "gone", "refused", "failed", "unsent"]
"""`refused`: the station answers, but not to this; `failed`: it does not work; `unsent`: no call could be made."""
Decided = Literal["delivered", "retry", "paused", "dead"]

_REACHABLE_AND_BUSY = (408, 425, 429)
_GONE = 410


class Delivery(NamedTuple):
    """One thing to be told: `pending`, `delivered` or `dead`; `attempts` counts the call that is on its way."""

    event: str
    state: str
    attempts: int
    next_at: datetime


class Endpoint(NamedTuple):
    """How a station's endpoint stands; `proven` once a call to this address went well."""

    paused: bool
    failures: int
    proven: bool
    rests_until: datetime | None
    asked_until: datetime | None


class Call(NamedTuple):
    """How a call ended; `retry_after` is what the station asked for."""

    outcome: Outcome
    retry_after: timedelta | None = None


class After(NamedTuple):
    """What follows from a call; with `hasten` everything that waits for the endpoint is due now."""

    decided: Decided
    delivery: Delivery
    endpoint: Endpoint
    hasten: bool = False


def outcome_of(status: int) -> Outcome:
    """What an HTTP status says: of the endpoint, or of this one delivery."""
    if 200 <= status < 300:
        return "delivered"
    if status == _GONE:
        return "gone"
    return "refused" if 300 <= status < 500 and status not in _REACHABLE_AND_BUSY else "failed"


def retry_after(text: str | None, now: datetime) -> timedelta | None:
    """A `Retry-After` header in either form, seconds or HTTP date; None for one that says nothing."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]+", text.strip()):
        return timedelta(seconds=int(text.strip()[:9]))
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    # The oldest of the three forms of a date names no zone and means UTC.
    return max(until.replace(tzinfo=until.tzinfo or UTC) - now, timedelta())


def room(endpoint: Endpoint) -> int:
    """How many calls may be on their way: one that finds out, until the endpoint is known to work."""
    return AT_ONCE if endpoint.proven and endpoint.failures == 0 else 1


def may_call(delivery: Delivery, endpoint: Endpoint, on_their_way: int, now: datetime) -> bool:
    """Whether a delivery that nobody is sending may be sent; a test asks an endpoint that rests, too."""
    if delivery.state != "pending" or delivery.next_at > now or on_their_way >= room(endpoint):
        return False
    rests = any(until is not None and until > now for until in (endpoint.rests_until, endpoint.asked_until))
    return delivery.event == TEST or not (endpoint.paused or rests)


def after(
    call: Call, delivery: Delivery, endpoint: Endpoint, schedule: Sequence[float], spread: float, now: datetime
) -> After:
    """What becomes of a delivery and its endpoint. `spread` is from -1 to 1."""
    if call.outcome == "delivered":
        well = endpoint._replace(failures=0, proven=True, rests_until=None)
        return After("delivered", delivery._replace(state="delivered"), well, hasten=True)
    if call.outcome == "gone" and delivery.event != TEST:
        # 410: the delivery stays due and costs no attempt; the endpoint rests until a person has looked at it.
        again = delivery._replace(attempts=delivery.attempts - 1, next_at=now)
        return After("paused", again, endpoint._replace(paused=True))
    asked = _within(call.retry_after, schedule)
    if asked is not None:
        endpoint = endpoint._replace(asked_until=max(now + asked, endpoint.asked_until or now))
    if call.outcome == "failed":
        failures = endpoint.failures + 1
        rest = min(_step(failures, schedule, spread), LONGEST_REST)
        endpoint = endpoint._replace(failures=failures, rests_until=now + rest)
    wait = next_wait(delivery.attempts, () if delivery.event == TEST else schedule, spread)
    if wait is None:
        return After("dead", delivery._replace(state="dead"), endpoint)
    return After("retry", delivery._replace(next_at=now + (asked or wait)), endpoint)


def hastened(delivery: Delivery, now: datetime) -> Delivery:
    """A pending delivery that waits, when its endpoint is found well: due now, and its last attempt did not count."""
    if delivery.state != "pending" or delivery.next_at <= now:
        return delivery
    return delivery._replace(attempts=max(delivery.attempts - 1, 0), next_at=now)


def sent_again(delivery: Delivery, now: datetime) -> Delivery:
    """From the first wait on: because a person wants it, or because its endpoint was set anew."""
    return delivery._replace(state="pending", attempts=0, next_at=now)


def next_wait(attempts: int, schedule: Sequence[float], spread: float) -> timedelta | None:
    """How long to wait after so many failed attempts; None when the delivery is dead. `spread` is from -1 to 1."""
    return None if attempts > len(schedule) else _step(attempts, schedule, spread)


def _step(number: int, schedule: Sequence[float], spread: float) -> timedelta:
    return timedelta(seconds=schedule[min(number, len(schedule)) - 1] * (1 + JITTER * spread))


def _within(asked: timedelta | None, schedule: Sequence[float]) -> timedelta | None:
    """What the station asks for, but no sooner than we would begin and no later than we would end."""
    if asked is None:
        return None
    return min(max(asked, timedelta(seconds=min(schedule))), timedelta(seconds=max(schedule)))
