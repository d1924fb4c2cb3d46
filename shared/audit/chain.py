"""How an audit row is written out and chained to the row before it: one way for sealer, verifier, exports."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

BEGINNING = "0" * 64
"""Stands before the first row."""


class AuditRow(NamedTuple):
    """All that an audit row holds, in the order in which it is hashed."""

    id: int
    txid: int
    at: datetime
    subject: str
    on_behalf_of: UUID | None
    action: str
    object: str
    result: str
    reason: str | None
    request_id: str | None

    def told(self) -> dict[str, int | str | None]:
        """As JSON has it."""
        officer = self.on_behalf_of and str(self.on_behalf_of)
        return self._asdict() | {"at": self.at.astimezone(UTC).isoformat(), "on_behalf_of": officer}


class Sealed(NamedTuple):
    """The place of a row in the chain: the how manieth it is, and the hash over everything up to it."""

    position: int
    audit_id: int
    txid: int
    hash: str
    sealed_at: datetime


COLUMNS = "a.id, a.txid::text::bigint AS txid, " + ", ".join(f"a.{name}" for name in AuditRow._fields[2:])
"""The columns of `audit a` as an AuditRow takes them."""


def canonical(row: AuditRow) -> bytes:
    """A row as bytes: the JSON array of its columns in ASCII, instants in UTC. No two rows have the same."""
    return json.dumps(list(row.told().values()), separators=(",", ":")).encode()


def link(previous: str, row: AuditRow) -> str:
    """The hash of a row that follows the one with the hash `previous`."""
    return sha256(bytes.fromhex(previous) + canonical(row)).hexdigest()
