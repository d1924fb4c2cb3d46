"""A batch item by item: read each on its own, find out what became of it, tell it in the order it was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Generic
from uuid import UUID

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.fieldwork.errors.items import InvalidItem
from services.fieldwork.repository.items import Hashes
from services.fieldwork.rules.names import Named
from services.fieldwork.schemas.given import Item
from services.fieldwork.service.certainty import settle_unknown
from services.fieldwork.service.entries import Entry, I
from shared.database.unit import Unit
from shared.security.audit import AuditEntry, record_audits
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.turns import in_turns
from shared.web.validation import fault_list


class Reader(Generic[I]):
    """Reads items of the given types and takes a keyed hash of their content.

    Keyed, because what is hashed may hold a household's identity, which few other values could be tried for.
    """

    def __init__(self, vault: Vault, types: Mapping[str, TypeAdapter[I]], tag: Callable[[Any], Any]) -> None:
        self._vault = vault
        self._types = types
        self._tag = tag

    async def read(self, raw_items: Sequence[Any]) -> list[Entry[I]]:
        """One entry per raw item, in order."""
        return [self._entry(index, raw) async for index, raw in in_turns(enumerate(raw_items))]

    def _entry(self, index: int, raw: Any) -> Entry[I]:
        entry: Entry[I] = Entry(index)
        tag = self._tag(raw) if isinstance(raw, dict) else None
        adapter = self._types.get(tag) if isinstance(tag, str) else None
        if adapter is None:
            entry.fail(InvalidItem(f"类型只能是 {'、'.join(self._types)} 之一"))
            return entry
        try:
            item = adapter.validate_python(raw)
            entry.content_hash = self._vault.blind_index(_canonical(_said(item)), "content")
            entry.item = item
            given = getattr(item, "id", None)
            entry.id = given if isinstance(given, UUID) else None
        except ValidationError as error:
            faults = error.errors(include_url=False, include_input=False)
            entry.fail(InvalidItem(f"共 {len(faults)} 处需要修改,见 errors", errors=fault_list(faults)))
        except TypeError:
            # An integer of more than 64 bits, or nesting without end.
            entry.fail(InvalidItem("含有过大的数字或层次过深"))
        return entry


def meaning_of(entry: Entry[Any], vault: Vault, **resolved: Any) -> bytes:
    """A keyed hash of what an item means: by whom and where, whatever it calls them."""
    return vault.blind_index(_canonical(entry.given.__dict__ | {"id": entry.id} | resolved), "meaning")


def _said(item: Any) -> dict[str, Any]:
    later = item.LATER if isinstance(item, Item) else ()
    absent = [name for name in later if getattr(item, name) is None]
    return {name: value for name, value in item.__dict__.items() if name not in absent} if absent else item.__dict__


def _canonical(said: dict[str, Any]) -> str:
    """Equal content as equal text: defaults filled in, instants in UTC, numbers without trailing zeros, keys sorted."""
    return orjson.dumps(said, default=_plain, option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, UUID):
        return str(value)  # the driver's own class
    if isinstance(value, Named):
        return value.former  # as it was read when names had no county
    if isinstance(value, BaseModel):
        return value.__dict__
    raise TypeError(type(value).__name__)


async def settle(
    unit: Unit,
    hashes: Hashes,
    entries: Sequence[Entry[I]],
    insert: Callable[[list[Entry[I]]], Awaitable[set[UUID]]],
) -> list[Entry[I]]:
    """Insert the open entries, the first of each id, and compare the others with what is kept; returns the created.

    Entries that are neither stay open. An item refused only for what is known today may have been kept long ago.
    """
    first: dict[UUID, Entry[I]] = {}
    for entry in entries:
        if entry.is_open:
            first.setdefault(entry.key, entry)
    inserted = await insert(list(first.values())) if first else set()
    created = [entry for id, entry in first.items() if id in inserted]
    for entry in created:
        entry.outcome = "created"
    others = [entry for entry in entries if entry.may_be_kept]
    kept = await hashes(unit.connection, {entry.key for entry in others})
    for entry in others:
        if entry.key in kept:
            entry.meets(kept[entry.key])
    return created


def outcome_dict(entry: Entry[Any], **more: Any) -> dict[str, Any]:
    """What the caller is told about an item."""
    told = {"index": entry.index, "outcome": entry.outcome, **more}
    return told | {"problem": entry.problem.as_dict()} if entry.problem else told


async def conclude(unit: Unit, who: Principal, action: str, entries: Sequence[Entry[Any]]) -> None:
    """What is unknown is rejected, and the batch is audited: one row per officer in whose name something was sent.

    What named nobody is counted as the client's own.
    """
    await settle_unknown(unit, who, entries)
    sent: dict[UUID | None, list[Entry[Any]]] = {}
    for entry in entries:
        sent.setdefault(entry.actor, []).append(entry)
    await record_audits(unit, who, [_audited(action, officer, own) for officer, own in sent.items()])


def _audited(action: str, officer: UUID | None, entries: Sequence[Entry[Any]]) -> AuditEntry:
    """How many became what, and every reason that was given, once."""
    counted = Counter(entry.outcome or "rejected" for entry in entries)
    result = ", ".join(f"{n} {outcome}" for outcome, n in sorted(counted.items()))
    reasons = sorted({reason for entry in entries if (reason := getattr(entry.item, "reason", None))})
    return AuditEntry(action, f"{len(entries)} items", officer, result, ", ".join(reasons) or None)
