"""The page of conventions tells the codes there are, and no others."""

import re
from pathlib import Path

import shared.security.problems
from shared.web.problems import Problem

PAGE = Path(__file__).parents[2] / "docs" / "api-conventions.md"


def test_the_table_of_codes_is_complete() -> None:
    assert shared.security.problems.TokenMissing in Problem.__subclasses__()
    problems = [kind for kind in Problem.__subclasses__() if kind.__module__.startswith("shared.")]
    rows = re.findall(r"^\| (`[a-z_`, ]+) \| (\d{3}) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {(code, int(status)) for codes, status in rows for code in re.findall("`([a-z_]+)`", codes)}
    assert told == {(kind.code, kind.status) for kind in problems}
