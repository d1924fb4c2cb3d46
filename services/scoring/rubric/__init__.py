"""The shape of scoring.yaml: a rubric is lines of parts, and a part is one of five ways of counting facts."""

from services.scoring.rubric.parts import Add, Alternative, BaseAdd, Choice, Counting, Deduct, Key, Level, Shortfall
from services.scoring.rubric.rubric import Group, Line, Rubric
from services.scoring.rubric.selecting import Check, Condition, Conditions, Selector, Within

__all__ = [
    "Add",
    "Alternative",
    "BaseAdd",
    "Check",
    "Choice",
    "Condition",
    "Conditions",
    "Counting",
    "Deduct",
    "Group",
    "Key",
    "Level",
    "Line",
    "Rubric",
    "Selector",
    "Shortfall",
    "Within",
]
