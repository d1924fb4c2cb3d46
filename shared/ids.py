"""Ids: UUIDv7 made by whoever creates the thing; a foreign system's id becomes one deterministic UUID."""

from typing import cast
from uuid import UUID, uuid5

import uuid_utils.compat
from pydantic_core import SchemaValidator, core_schema

_FOREIGN = UUID("5d0c8f0e-7b0b-5b7e-9a3c-2f6f2f4f4c51")


_UUID = SchemaValidator(core_schema.uuid_schema())


def read_id(text: str) -> UUID:
    """The UUID a text says, in a fifth of the time `UUID(text)` takes. Raises ValueError."""
    return cast(UUID, _UUID.validate_python(text))


def new_id() -> UUID:
    """A new UUIDv7."""
    return uuid_utils.compat.uuid7()


def foreign_id(system: str, id: str) -> UUID:
    """The one UUID of a thing that another system calls `id`; the same pair always gives the same UUID."""
    return uuid5(_FOREIGN, f"{len(system)}:{system}:{id}")
