"""Corrections of a batch: each takes the place of one's own work, once, or is told why not."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from services.fieldwork.errors.items import AlreadyCorrected, CorrectsAnothers, CorrectsElsewhere, CorrectsItself
from services.fieldwork.repository.corrections import Corrected
from services.fieldwork.rules.corrections import Claim, Entered, Fault, fault
from services.fieldwork.rules.places import county_of
from services.fieldwork.service.entries import Entry
from shared.database.unit import Unit
from shared.security.principal import Principal

Claimed = tuple[Entry[Any], Claim]


def claim(entry: Entry[Any], version: UUID | None) -> Iterable[Claimed]:
    """What an entry that is open corrects, if it corrects anything."""
    if version and entry.is_open and entry.actor and entry.work:
        yield entry, Claim(version, Entered(entry.actor, county_of(entry.work[1])))


async def require_own(corrected: Corrected, unit: Unit, who: Principal, claimed: Collection[Claimed]) -> None:
    """One corrects one's own work, its latest version, once; what has not arrived is waited for."""
    found = await corrected(unit.connection, {claim for _, claim in claimed}, who.division)
    for entry, claim in claimed:
        _refuse(entry, fault(entry.key, claim, found[claim]), found[claim].corrected_by)


async def name_first(corrected: Corrected, unit: Unit, who: Principal, claimed: Iterable[Claimed]) -> None:
    """What is still open met another correction of the same version, in this batch or at this moment."""
    left = [(entry, claim) for entry, claim in claimed if entry.is_open]
    found = await corrected(unit.connection, {claim for _, claim in left}, who.division)
    for entry, claim in left:
        _refuse(entry, "corrected", found[claim].corrected_by)


def _refuse(entry: Entry[Any], fault: Fault | None, corrected_by: UUID | None) -> None:
    """The second correction of one version is a conflict; another's work, or itself, is no conflict but wrong."""
    match fault:
        case "corrected":
            named = {"corrected_by": str(corrected_by)} if corrected_by else {}
            entry.conflict(AlreadyCorrected("请更正最新的一份", **named))
        case "anothers":
            entry.fail(CorrectsAnothers("请由登记人本人更正"))
        case "elsewhere":
            entry.fail(CorrectsElsewhere("请先撤回原登记,再在另一县重新登记"))
        case "itself":
            entry.fail(CorrectsItself("请在 supersedes 中填写被更正的登记"))
