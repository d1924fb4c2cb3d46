"""When what is not known yet is unknown: once everything is applied here that personnel has said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.fieldwork.errors.naming import NotKnownYet, OfficerUnknownYet, SchemeUnknownYet, VillageUnknownYet
from services.fieldwork.service.entries import Entry
from shared.database.unit import Unit
from shared.reference.bindings import known_bindings
from shared.reference.nearest import everything_is_known, nearest_badges, nearest_villages
from shared.security.principal import Principal
from shared.web.problems import Problem

EXPLAINED = 20
"""So many items of a batch are told the nearest right values."""


async def settle_unknown(unit: Unit, who: Principal, entries: Sequence[Entry[Any]]) -> None:
    """Reject what will not be known later either: the same item may be sent again once it is put right."""
    waiting = [(entry, problem) for entry in entries if (problem := _may_be_certain(entry))]
    if not waiting or not await everything_is_known(unit.connection):
        return
    for n, (entry, problem) in enumerate(waiting):
        nearest = await _nearest(unit, who, problem) if n < EXPLAINED else []
        entry.fail(await _certain(unit, entry, problem, nearest))


def _may_be_certain(entry: Entry[Any]) -> NotKnownYet | None:
    problem = entry.problem
    return problem if isinstance(problem, NotKnownYet) and problem.certain and entry.outcome == "retryable" else None


async def _certain(unit: Unit, entry: Entry[Any], problem: NotKnownYet, nearest: list[Any]) -> Problem:
    assert problem.certain is not None  # only such are settled
    told: dict[str, Any] = {"nearest": nearest} if nearest else {}
    if pointer := _pointer(entry.given, problem.named):
        told["errors"] = [{"pointer": pointer, "message": problem.certain.title}]
    detail = "请核对后重发,编号不变" + (",相近的见 nearest" if nearest else "")
    if isinstance(problem, SchemeUnknownYet) and (since := await _since(unit, str(problem.named))):
        detail = f"该地的方案自 {since} 起适用,请核对日期后重发,编号不变"
    return problem.certain(detail, **told)


async def _nearest(unit: Unit, who: Principal, problem: NotKnownYet) -> list[Any]:
    """Only what the token may list: a phone's own names no other officer."""
    may_list = who.officer_id is None or who.may_act_as or who.may_verify_as
    match problem:
        case OfficerUnknownYet(named=str(badge)) if may_list:
            return list(await nearest_badges(unit.connection, badge, who.division))
        case VillageUnknownYet(named=str(code)):
            return list(await nearest_villages(unit.connection, code, who.division))
    return []


def _pointer(item: BaseModel, named: UUID | str | None) -> str | None:
    found = (name for name, value in item.__dict__.items() if value == named and value is not None)
    return next((f"/{name}" for name in found), None)


async def _since(unit: Unit, village: str) -> str | None:
    first = [b.first for b in await known_bindings(unit.connection) if village.startswith(b.jurisdiction)]
    return min(first).isoformat() if first else None
