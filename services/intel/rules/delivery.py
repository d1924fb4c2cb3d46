"""When an order is tried again, and where it may be sent at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal
from urllib.parse import SplitResult, urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
JITTER = 0.2

Refusal = Literal["not_a_url", "not_https", "host_not_allowed"]


def next_wait(attempts: int, schedule: Sequence[float], spread: float) -> timedelta | None:
    """How long to wait after so many failed attempts; None when the delivery is dead. `spread` is from -1 to 1."""
    if attempts > len(schedule):
        return None
    return timedelta(seconds=schedule[attempts - 1] * (1 + JITTER * spread))


def refuse_address(url: str, allowed_hosts: frozenset[str]) -> Refusal | None:
    """Why this address must not be called; orders hold summaries, so plain HTTP only on this machine."""
    try:
        address = urlsplit(url)
        host = address.hostname or ""
        plain = _is_plain(address)
    except ValueError:
        return "not_a_url"
    if not host or not plain:
        return "not_a_url"
    if host not in allowed_hosts:
        return "host_not_allowed"
    if address.scheme != "https" and host not in LOOPBACK:
        return "not_https"
    return None


def _is_plain(address: SplitResult) -> bool:
    """http or https, a valid port, and no user name, password or fragment to be misread."""
    no_tricks = not (address.username or address.password or address.fragment)
    return address.scheme in ("http", "https") and no_tricks and address.port != 0
