from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.fieldwork.errors.naming import SchemeBroken
from services.fieldwork.scheme import DetailField
from services.fieldwork.service import kinds
from services.fieldwork.service.kinds import Kinds

GOOD: list[tuple[str, Any]] = [
    ("int", 0),
    ("int", 999_999_999_999),
    ("num", 3),
    ("num", "0.125"),
    ("num", "999999999.999"),
    ("date", "2026-10-01"),
    ("instant", "2026-10-02T09:00:00+08:00"),
    ("instant", "2026-10-02T01:00:00.125Z"),
    ("uuid", "01a20110-0311-7368-8c1b-b70b54e39036"),
    ("text", "school_gate"),
    ("bool", False),
]
BAD: list[tuple[str, Any]] = [
    ("int", -1),
    ("int", 10**12),
    ("int", True),
    ("num", "NaN"),
    ("num", "Infinity"),
    ("num", "1e999999"),
    ("num", "1" * 13),
    ("num", "1234567890.123"),
    ("num", "0.1234"),
    ("num", "１２"),
    ("num", 0.5),
    ("num", True),
    ("date", "1999-12-31"),
    ("date", "2200-01-01"),
    ("date", "2026-02-30"),
    ("date", "20261001"),
    ("instant", "0001-01-01T00:00:00+08:00"),
    ("instant", "9999-12-31T23:59:59-08:00"),
    ("instant", "2026-10-02T09:00:00"),
    ("instant", "2026-10-02T09:00:00." + "0" * 60_000 + "+08:00"),
    ("uuid", "-" * 60_000 + "01a2011003117368" * 2),
    ("text", "school gate"),
    ("text", "张三"),
    ("text", "a" * 65),
    ("text", "school_gate\n"),
    ("bool", 1),
]


@pytest.mark.parametrize(("type_", "value"), GOOD)
def test_a_detail_is_taken_in_its_one_form(type_: Any, value: Any) -> None:
    assert DetailField(type=type_).fault(value) is None


@pytest.mark.parametrize(("type_", "value"), BAD)
def test_a_detail_no_reader_could_bear_is_refused(type_: Any, value: Any) -> None:
    assert DetailField(type=type_).fault(value) == "wrong_type"


def test_codes_of_a_list_are_given_once() -> None:
    field = DetailField(type="enums", values={"law": "法制宣传", "care": "关怀慰问"})
    assert field.fault(["law", "care"]) is None
    assert field.fault(["law", "care", "law"]) == "not_allowed"


def test_a_broken_scheme_keeps_its_own_places_waiting_until_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "LOOK_AGAIN", 0.0)
    (tmp_path / "wenquan").mkdir()
    broken = tmp_path / "wenquan" / "fieldwork.yaml"
    broken.write_text("kinds: {household_visit: {label: 7", encoding="utf-8")
    known = Kinds(tmp_path)
    assert known.under(["unknown"], "household_visit") == []
    for _ in range(2):
        with pytest.raises(SchemeBroken):
            known.under(["wenquan"], "household_visit")
    broken.unlink()
    assert [kind.label for kind in known.under(["wenquan"], "household_visit")] == ["入户走访"]
