"""JSON for what pydantic does not serialise itself: problems and readiness."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson


def to_json(value: Any) -> bytes:
    """UUIDs, instants and dates as orjson writes them; points (Decimal) as strings."""
    return orjson.dumps(value, default=_more)


def _more(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, UUID):  # orjson takes no subclass, and the database driver has one
        return str(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")
