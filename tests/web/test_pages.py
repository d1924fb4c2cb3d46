"""Cursors give back what was put in and refuse everything else."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from shared.web.pages import decode_cursor, encode_cursor
from shared.web.problems import InvalidCursor

AN_ID = UUID("018f3b1c-0000-7000-8000-000000000001")


def test_a_position_comes_back_as_it_was() -> None:
    position = (7, AN_ID, Decimal("1.50"), datetime(2026, 10, 1, tzinfo=UTC), "村")
    cursor = encode_cursor(position)
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert decode_cursor(cursor, tuple[int, UUID, Decimal, datetime, str]) == position


@pytest.mark.parametrize(
    "rubbish",
    ["", "x", "%%%", "村", encode_cursor(("7", "no id")), encode_cursor((7,)), base64.b64encode(b"\xff\xff").decode()],
)
def test_rubbish_is_a_400_problem(rubbish: str) -> None:
    with pytest.raises(InvalidCursor) as refused:
        decode_cursor(rubbish, tuple[int, UUID])
    assert refused.value.status == 400
    assert refused.value.code == "invalid_cursor"
