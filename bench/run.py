"""All measurements in one run, as a table and as `bench/figures.md`."""

from __future__ import annotations

import os
import platform
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import consuming, disk, idle, ingest, latency, path
from bench.stack import Bench, bench_stack
from services.cli.service import collect_less

FIGURES = Path(__file__).parent / "figures.md"


Row = tuple[str, str, str, str, str, str]


async def run() -> None:
    """Measure, tell each figure as it comes, keep them."""
    collect_less()  # as the processes of the services do that run this code
    console = Console()
    rows: list[Row] = []
    with console.status("starting") as status:
        slow, fast = (partial(_latency, rate=rate) for rate in latency.RATES)
        for measure in (slow, fast, _idle, _ingest, _path, _consumer, _disk):  # each on a broker of its own
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


async def _latency(bench: Bench, tell: Callable[[str], None], rate: int) -> AsyncIterator[Row]:
    tell(f"commit to score at {rate} facts/s")
    late = await latency.measure(bench, rate)
    for what, waits in (("applied", late.applied), ("scored", late.scored)):
        goal = latency.GOALS_MS.get((what, rate))
        told = (f"≤ {goal} ms", "yes" if waits.p99 <= goal else "no") if goal else ("", "")
        yield f"commit to {what} at {late.reached:.0f}/s, p50", f"{waits.p50:.0f} ms", "", "", "", ""
        yield f"commit to {what} at {late.reached:.0f}/s, p99", f"{waits.p99:.0f} ms", "", "", *told


async def _idle(bench: Bench, tell: Callable[[str], None]) -> AsyncIterator[Row]:
    tell("eight idle processes")
    percent = await idle.measure(bench)
    met = "yes" if percent <= idle.GOAL_PERCENT else "no"
    yield "eight idle processes", f"{percent:.1f} % of a core", "", "", f"≤ {idle.GOAL_PERCENT} %", met


async def _path(bench: Bench, tell: Callable[[str], None]) -> AsyncIterator[Row]:
    for name, measure in (("relay", path.relay), ("consumer", path.consumer)):
        tell(f"{name} beside its floor")
        found = await measure(bench)
        yield name, f"{found.ours:,.0f} facts/s", f"{found.floor:,.0f} facts/s", *_ratio(found.ratio, path.GOAL)


async def _disk(bench: Bench, tell: Callable[[str], None]) -> AsyncIterator[Row]:
    tell("disk")
    found = await disk.measure(bench)
    yield "disk for a million facts, outbox (kept 14 days)", f"{found.outbox:,.0f} MB", "", "", "", ""
    yield "disk for a million facts, topic", f"{found.topic:,.0f} MB", "", "", "", ""


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
