"""Which database errors pass by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from asyncpg import InvalidCachedStatementError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

# Serialisation failure, deadlock.
_REPEATABLE = frozenset({"40001", "40P01"})
# Statement timeout, lock not available.
_WAITED_TOO_LONG = frozenset({"57014", "55P03"})
# No disk, memory or connection left; a file the server cannot read or write.
_CLASSES_OF_THE_SERVER = ("53", "58")


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a database error, wherever in the chain of causes the driver's own error is."""
    for cause in _causes(error):
        code = getattr(cause, "sqlstate", None) or getattr(getattr(cause, "orig", None), "sqlstate", None)
        if code:
            return str(code)
    return None


def is_repeatable(error: BaseException) -> bool:
    """The transaction is gone and the same again may succeed now.

    Also a statement prepared before a migration changed its table: the driver prepares it anew.
    """
    outdated = any(isinstance(cause, InvalidCachedStatementError) for cause in _causes(error))
    return outdated or sqlstate(error) in _REPEATABLE


def is_transient(error: BaseException) -> bool:
    """Worth trying again after a pause, on a live connection: nothing is wrong with what was asked."""
    if isinstance(error, NoConnectionFree):
        return True
    state = sqlstate(error) or ""
    return is_repeatable(error) or state in _WAITED_TOO_LONG or state.startswith(_CLASSES_OF_THE_SERVER)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__
