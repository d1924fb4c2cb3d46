"""All measurements in one run, as a table and as `bench/figures.md`."""

from __future__ import annotations

import os
import platform
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import consuming, ingest, latency
from bench.stack import Bench, bench_stack

FIGURES = Path(__file__).parent / "figures.md"


Row = tuple[str, str, str, str, str, str]


async def run() -> None:
    """Measure, tell each figure as it comes, keep them."""
    console = Console()
    rows: list[Row] = []
    with console.status("starting") as status:
        for measure in (_latency, _ingest, _consumer):  # each on a broker of its own
            with bench_stack() as bench:
                async for row in measure(bench, status.update):
                    console.print("  ".join(row))
                    rows.append(row)
    _show(console, rows)


async def _ingest(bench: Bench, tell: Callable[[str], None]) -> AsyncIterator[Row]:
    for size, goal in ingest.GOALS.items():
        tell(f"ingest, {size} items a call")
        one = await ingest.measure(bench, size)
        figures = f"{one.service:,.0f} items/s", f"{one.floor:,.0f} items/s"
        yield f"ingest, {size} a call", *figures, *_ratio(one.ratio, goal)


async def _consumer(bench: Bench, tell: Callable[[str], None]) -> AsyncIterator[Row]:
    tell("scoring consumer, 100,000 facts")
    eaten = await consuming.measure(bench)
    figures = f"{eaten.worker:,.0f} facts/s", f"{eaten.without_rules:,.0f} facts/s"
    yield "scoring consumer", *figures, *_ratio(eaten.ratio, consuming.GOAL)
    yield "consumer, no effect at all", f"{eaten.no_effect:,.0f} facts/s", "", "", "", ""


async def _latency(bench: Bench, tell: Callable[[str], None]) -> AsyncIterator[Row]:
    tell("commit to score at 100 facts/s")
    late = await latency.measure(bench)
    met = "yes" if late.p99 <= latency.GOAL_MS else "no"
    yield "commit to score, p50", f"{late.p50:.0f} ms", "", "", "", ""
    yield "commit to score, p99", f"{late.p99:.0f} ms", "", "", f"≤ {latency.GOAL_MS} ms", met


def _ratio(ratio: float, goal: float) -> tuple[str, str, str]:
    return f"{ratio:.2f}", f"≥ {goal}", "yes" if ratio >= goal else "no"


def _show(console: Console, rows: list[Row]) -> None:
    names = ("what", "measured", "floor in the same run", "ratio", "goal", "met")
    table = Table(*names)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    lines = [f"| {' | '.join(row)} |" for row in (names, ("---",) * len(names), *rows)]
    where = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}"
    FIGURES.write_text(
        f"Printed by `make bench` ({where}). Ratios count, absolute figures belong to the machine.\n\n"
        + "\n".join(lines)
        + "\n"
    )
