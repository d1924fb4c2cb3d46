"""All measurements in one run, as a table and as `bench/figures.md`."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import consuming, ingest, latency
from bench.stack import bench_stack

FIGURES = Path(__file__).parent / "figures.md"


async def run() -> None:
    console = Console()
    rows: list[tuple[str, str, str, str, str, str]] = []
    with bench_stack() as bench, console.status("starting") as status:
        for size, goal in ingest.GOALS.items():
            status.update(f"ingest, {size} items a call")
            one = await ingest.measure(bench, size)
            rows.append(
                (
                    f"ingest, {size} a call",
                    f"{one.service:,.0f} items/s",
                    f"{one.floor:,.0f} items/s",
                    *_ratio(one.ratio, goal),
                )
            )
        status.update("scoring consumer, 100,000 facts")
        eaten = await consuming.measure(bench)
        figures = f"{eaten.worker:,.0f} facts/s", f"{eaten.without_rules:,.0f} facts/s"
        rows.append(("scoring consumer", *figures, *_ratio(eaten.ratio, consuming.GOAL)))
        rows.append(("consumer, no effect at all", f"{eaten.no_effect:,.0f} facts/s", "", "", "", ""))
        status.update("commit to score at 100 facts/s")
        late = await latency.measure(bench)
        met = "yes" if late.p99 <= latency.GOAL_MS else "no"
        rows.append(("commit to score, p50", f"{late.p50:.0f} ms", "", "", "", ""))
        rows.append(("commit to score, p99", f"{late.p99:.0f} ms", "", "", f"≤ {latency.GOAL_MS} ms", met))
    _show(console, rows)


def _ratio(ratio: float, goal: float) -> tuple[str, str, str]:
    return f"{ratio:.2f}", f"≥ {goal}", "yes" if ratio >= goal else "no"


def _show(console: Console, rows: list[tuple[str, str, str, str, str, str]]) -> None:
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
