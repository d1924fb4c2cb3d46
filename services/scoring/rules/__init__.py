"""The pure evaluator: evidence of one officer + a rubric = a sheet. No I/O, no clock, no scheme of its own."""

from services.scoring.rules.entries import FACTS, Context, Entry, Period, Stay, spells
from services.scoring.rules.evaluate import Plan, compile_rubric, evaluate
from services.scoring.rules.sentences import reason, sentences
from services.scoring.rules.sheet import Counted, Figure, LineResult, NotCounted, Notice, Sheet
from services.scoring.rules.windows import evidence_from, measure_period
from services.scoring.rules.workdays import Calendar

__all__ = [
    "FACTS",
    "Calendar",
    "Context",
    "Counted",
    "Entry",
    "Figure",
    "LineResult",
    "NotCounted",
    "Notice",
    "Period",
    "Plan",
    "Sheet",
    "Stay",
    "compile_rubric",
    "evaluate",
    "evidence_from",
    "measure_period",
    "reason",
    "sentences",
    "spells",
]
