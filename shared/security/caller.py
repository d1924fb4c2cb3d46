"""Whose token the request being answered carries, for those who only see how it ends."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Caller:
    """The subject of the request's token; None while no good one was seen."""

    subject: str | None = None


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


def new_caller() -> Caller:
    """Somebody not known yet; becomes known when a token of this request is found good, be it in another task."""
    caller = Caller()
    _caller.set(caller)
    return caller


def caller_is(subject: str) -> None:
    """A good token of the request was seen; outside a request nothing happens."""
    if caller := _caller.get():
        caller.subject = subject
