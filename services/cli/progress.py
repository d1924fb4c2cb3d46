"""The ordered progress display of a starting stack."""

import time
from collections.abc import Sequence
from threading import Lock
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from shared.devstack.stack import State

_MARKS = {"done": ("✓", "green"), "failed": ("✗", "red")}


class Progress:
    """All steps in their order, live at a terminal; elsewhere one line as each step ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps: dict[str, tuple[State, str]] = {}
        self._started: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._lock = Lock()
        self._live: Live | None = None

    def show(self, steps: Sequence[str]) -> Self:
        """Say what is to come; use as a context around the work."""
        self._waiting = steps
        return self

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(get_renderable=self._table, console=self._console, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def report(self, step: str, state: State, detail: str) -> None:
        """A step began, ended or failed; may be called from any thread."""
        with self._lock:
            now = time.monotonic()
            self._started.setdefault(step, now)
            self._took[step] = now - self._started[step]
            self._steps[step] = (state, detail)
        if self._live is None and (state != "running" or detail):
            self._console.print(self._line(step, state, detail), soft_wrap=True)

    def _line(self, step: str, state: State, detail: str) -> Text:
        mark, style = _MARKS.get(state, ("·", "yellow"))
        took = "" if state == "running" else f"{self._took[step]:.1f} s  "
        return Text.assemble((mark, style), f" {step}  ", (took, "dim"), _short(state, detail))

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for step in self._waiting:
            state, detail = self._steps.get(step, (None, ""))
            table.add_row(_mark(state), step, self._seconds(step), Text(_short(state, detail), overflow="fold"))
        return table

    def _seconds(self, step: str) -> Text:
        if step not in self._started:
            return Text("")
        running = self._steps[step][0] == "running"
        took = time.monotonic() - self._started[step] if running else self._took[step]
        return Text(f"{took:.1f} s", style="dim")


def _mark(state: State | None) -> Text | Spinner:
    if state == "running":
        return Spinner("dots")
    mark, style = _MARKS.get(state or "", ("·", "dim"))
    return Text(mark, style)


def _short(state: State | None, detail: str) -> str:
    """A failure is told in full at the end, by the command; the display has room for its first line."""
    return detail.splitlines()[0] if state == "failed" and detail else detail
