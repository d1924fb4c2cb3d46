from __future__ import annotations

import pytest

from services.personnel.schemas.items import ITEMS, Item
from services.personnel.tables import metadata

OURS = {"jurisdiction", "erased_at", "imported_name", "valid_from", "valid_until", "where_type", "where_id"}


@pytest.mark.parametrize("kind", ITEMS, ids=lambda kind: kind.TABLE)
def test_every_field_of_a_fact_has_its_column(kind: type[Item]) -> None:
    fields = set(kind.FACT.model_fields) - {"valid", "where"}
    columns = set(metadata.tables[kind.TABLE].columns.keys())

    assert fields - OURS == columns - OURS
