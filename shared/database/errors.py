"""Which database errors pass by themselves."""

from __future__ import annotations

TRANSIENT = frozenset({"40001", "40P01", "57014", "55P03"})
"""Serialisation failure, deadlock, statement timeout, lock not available."""


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
