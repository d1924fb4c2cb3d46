"""A reference fact as one row, and back: its period is two columns, an assignment's place two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from shared.contracts.base import FactData
from shared.identifiers import normal_badge

D = TypeVar("D", bound=FactData)


def as_columns(data: FactData) -> dict[str, Any]:
    """The whole state as JSON values by column name."""
    said = data.model_dump(mode="json")
    if said.get("badge"):
        said["badge"] = normal_badge(said["badge"])
    period, where = said.pop("valid"), said.pop("where", {})
    place = {f"where_{name}": value for name, value in where.items()}
    return said | place | {"valid_from": period["from"], "valid_until": period["to"]}


def from_columns(kind: type[D], row: Mapping[Any, Any]) -> D:
    """The state that a row holds; columns the fact does not have are ignored."""
    place = {"where": {"type": row["where_type"], "id": row["where_id"]}} if "where_type" in row else {}
    return kind.model_validate({**row, **place, "valid": {"from": row["valid_from"], "to": row["valid_until"]}})
