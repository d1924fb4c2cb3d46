"""What is said of a correction that may not take the place of what it names."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.fieldwork.errors import AlreadyCorrected, CorrectsAnothers, CorrectsItself
from services.fieldwork.rules.corrections import Fault
from services.fieldwork.service.entries import Entry


def refuse_correction(entry: Entry[Any], fault: Fault | None, corrected_by: UUID | None) -> None:
    """The second correction of one version is a conflict; another's work, or itself, is no conflict but wrong."""
    match fault:
        case "corrected":
            named = {"corrected_by": str(corrected_by)} if corrected_by else {}
            entry.conflict(AlreadyCorrected("请更正最新的一份", **named))
        case "anothers":
            entry.fail(CorrectsAnothers("请由登记人本人更正"))
        case "itself":
            entry.fail(CorrectsItself("请在 supersedes 中填写被更正的登记"))
