"""Statements that carry a batch as one array per column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Table, Text, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy


class Insertion:
    """`INSERT … SELECT FROM unnest … ON CONFLICT DO NOTHING RETURNING` the primary key, rows in its order.

    Rows are locked in sorted order, so that two batches with the same items wait for each other and never deadlock.
    """

    def __init__(self, table: Table, names: Sequence[str]) -> None:
        self.names = tuple(names)
        columns = [table.columns[name] for name in names]
        arrays = ", ".join(f"CAST(:{c.name} AS {_array_type(c.type)})" for c in columns)
        listed = ", ".join(f'"{name}"' for name in names)
        key = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
        chosen = ", ".join(
            f'CAST("{c.name}" AS jsonb)' if isinstance(c.type, JSONB) else f'"{c.name}"' for c in columns
        )
        self.statement: TextClause = text(
            f"INSERT INTO {table.name} ({listed}) SELECT {chosen} "  # noqa: S608  # names of our own tables
            f"FROM unnest({arrays}) AS given({listed}) ORDER BY {key} ON CONFLICT DO NOTHING RETURNING {key}"
        )

    def parameters(self, rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
        """The rows turned into columns."""
        return {name: list(values) for name, values in zip(self.names, zip(*rows, strict=True), strict=True)}


def _array_type(kind: Any) -> str:
    # jsonb travels as text: the driver has no codec for arrays of it.
    element = Text() if isinstance(kind, JSONB) else kind
    return str(ARRAY(element).compile(dialect=_DIALECT))
