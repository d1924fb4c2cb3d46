"""Cursor pagination: `?limit=100&after=<opaque>`; the answer's `next` is the following `after`, absent at the end."""

import base64
import binascii
from collections.abc import Hashable
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar, cast

from fastapi import Query
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json

from shared.web.problems import InvalidCursor

T = TypeVar("T")

PageLimit = Annotated[int, Query(ge=1, le=500)]
PageCursor = Annotated[str | None, Query(max_length=500)]


class Page(BaseModel, Generic[T]):
    """Some items and where to go on; `next` is null on the last page."""

    items: list[T]
    next: str | None


def encode_cursor(position: Any) -> str:
    """An opaque text for a position such as `(number, id)`."""
    return base64.urlsafe_b64encode(to_json(position)).decode().rstrip("=")


def decode_cursor(cursor: str, shape: type[T]) -> T:
    """The position in its shape, e.g. `tuple[int, UUID]`; 400 `invalid_cursor` for anything we did not give out."""
    try:
        plain = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        position: T = _adapter(cast(Hashable, shape)).validate_json(plain)
    except (binascii.Error, ValidationError, UnicodeError):
        raise InvalidCursor("请原样使用上一页给出的 next,或去掉 after 从头开始") from None
    return position


@lru_cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)
