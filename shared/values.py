"""Values as they are written in requests: each has one form, checked before it is read."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Instants from the first to before the second can be told in every time zone; what lies outside is a slip."""

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OFFSET = r"(Z|[+-][0-9]{2}:[0-9]{2})"
INSTANT = re.compile(rf"{_DATE}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,9}})?{_OFFSET}", re.ASCII)
"""RFC 3339 with seconds and offset, and nothing else that a parser might take."""
_WITHOUT_SECONDS = re.compile(rf"{_DATE}T[0-9]{{2}}:[0-9]{{2}}{_OFFSET}", re.ASCII)
_DAY = re.compile(_DATE, re.ASCII)
QUANTITY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,3})?", re.ASCII)
"""Digits, at most three of them after a point: no sign, no exponent, no other script's digits."""


def _instant(given: Any) -> datetime:
    if isinstance(given, str) and INSTANT.fullmatch(given):
        try:
            return datetime.fromisoformat(given).astimezone(UTC)
        except (ValueError, OverflowError):
            raise PydanticCustomError("instant", "没有这一时刻,请核对日期、时间和时区") from None
    if isinstance(given, str) and _WITHOUT_SECONDS.fullmatch(given):
        # Java's OffsetDateTime.toString() leaves seconds out when they are zero.
        raise PydanticCustomError("instant", "时刻缺少秒,如 2026-10-01T08:00:00+08:00(Java 的 toString 会省去为零的秒)")
    raise PydanticCustomError("instant", "应为带秒和时区的时刻,如 2026-10-01T08:00:00+08:00")


def _day(given: Any) -> Any:
    # Behind it pydantic reads the date, so that 2026-02-30 is told as every other wrong date is.
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    if isinstance(given, str) and _DAY.fullmatch(given):
        return given
    raise PydanticCustomError("day", "应为日期,如 2026-10-01")


def _quantity(given: Any) -> Decimal:
    if isinstance(given, Decimal):
        return given
    whole = isinstance(given, int) and not isinstance(given, bool)
    if not whole and not (isinstance(given, str) and QUANTITY.fullmatch(given)):
        raise PydanticCustomError("quantity", '应为整数,或写成文本的十进制数,如 "1.5"')
    return Decimal(given)


Instant = Annotated[
    AwareDatetime, PlainValidator(_instant, json_schema_input_type=AwareDatetime), Field(ge=EARLIEST, lt=LATEST)
]
"""RFC 3339 with seconds and offset, between 2000 and 2200; read as UTC."""

Day = Annotated[date, BeforeValidator(_day)]
"""`2026-10-01`, Asia/Shanghai."""

Quantity = Annotated[Decimal, BeforeValidator(_quantity), Field(gt=0, max_digits=12, decimal_places=3)]
"""A decimal as a text (`"1.5"`) or a JSON integer, never a JSON float."""
