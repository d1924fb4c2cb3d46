"""Exceptions as text for the log: where it happened and what kind it was, never the data that was being worked on."""

import traceback
from collections.abc import Iterator

from fastapi.exceptions import ValidationException
from pydantic import ValidationError
from sqlalchemy.exc import StatementError


def render_exception(error: BaseException) -> str:
    """The chain of exceptions, oldest first, with code lines and without local variables or database values."""
    return "\n".join(_render_one(link) for link in reversed(list(chain(error))))


def describe(error: BaseException) -> str:
    """One exception in one line. Database and validation messages quote values, so only their kind is told."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(error, StatementError):
        return f"{kind}: {error.statement}"
    if sqlstate is not None or type(error).__module__.startswith(("asyncpg", "sqlalchemy.dialects")):
        return f"{kind}: sqlstate {sqlstate}, constraint {getattr(error, 'constraint_name', None)}"
    if isinstance(error, ValidationError | ValidationException):
        return f"{kind}: " + ", ".join(f"{fault['loc']} {fault['type']}" for fault in error.errors()[:20])
    return f"{kind}: {error}"


def _render_one(error: BaseException) -> str:
    text = "".join(traceback.format_tb(error.__traceback__)) + describe(error)
    if isinstance(error, BaseExceptionGroup):
        text += "".join("\n| " + render_exception(part).replace("\n", "\n| ") for part in error.exceptions)
    return text


def chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and what led to it, newest first."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
