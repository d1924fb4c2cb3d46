"""What other systems call things of a county."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from shared.ids import foreign_id


class Named(NamedTuple):
    """The system, and its name for a thing."""

    system: str
    name: str

    @property
    def former(self) -> UUID:
        """The id under which it was kept when names had no county."""
        return foreign_id(self.system, self.name)


ItemRef = UUID | Named
