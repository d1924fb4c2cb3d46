"""The 温泉镇 rubric as preset, as the demo decides it, and with single readings changed."""

from collections.abc import Iterable
from pathlib import Path

from services.scoring.rubric import Rubric
from services.scoring.rules import Context, Entry, LineResult, Sheet, compile_rubric, evaluate
from shared.schemes import load_scheme

DEMO = Path(__file__).parents[2] / "deploy" / "demo" / "schemes"
PRESET = load_scheme("wenquan", "scoring", Rubric).value
DECIDED = load_scheme("wenquan", "scoring", Rubric, DEMO).value

OPENED = {"status": "undecided", "value": None, "decided_by": None, "decided_on": None, "basis": None}


def reading(rubric: Rubric = DECIDED, /, **choices: str) -> Rubric:
    """The rubric with some readings decided otherwise; `undecided` opens one again."""
    content = rubric.model_dump(mode="json")
    for name, choice in choices.items():
        content["readings"][name] |= (
            OPENED | {"question": "how?"}
            if choice == "undecided"
            else {"status": "interpreted", "value": choice, "reading": "this test's"}
        )
    return Rubric.model_validate(content)


def without_report_hours() -> Rubric:
    """The rubric while nobody has said how soon 及时 is (I-201)."""
    content = DECIDED.model_dump(mode="json")
    content["report_hours"] |= OPENED
    return Rubric.model_validate(content)


def score(entries: Iterable[Entry], context: Context, rubric: Rubric = DECIDED, matters: Iterable[Entry] = ()) -> Sheet:
    return evaluate(compile_rubric(rubric), entries, context, matters)


def line(sheet: Sheet, item: str) -> LineResult:
    return next(line for line in sheet.lines if line.item == item)
