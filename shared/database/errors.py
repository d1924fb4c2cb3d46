"""Which database errors pass by themselves."""

from __future__ import annotations

REPEATABLE = frozenset({"40001", "40P01"})
"""Serialisation failure, deadlock: the transaction is gone, the same again may succeed now."""

TRANSIENT = REPEATABLE | {"57014", "55P03"}
"""Also statement timeout and lock not available: worth trying again after a pause."""


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a database error, wherever in the chain of causes the driver's own error is."""
    seen: BaseException | None = error
    while seen is not None:
        code = getattr(seen, "sqlstate", None) or getattr(getattr(seen, "orig", None), "sqlstate", None)
        if code:
            return str(code)
        seen = seen.__cause__
    return None


def is_transient(error: BaseException) -> bool:
    """Worth trying again on a live connection."""
    return sqlstate(error) in TRANSIENT
