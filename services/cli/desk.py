"""What the commands that mend the message path share: one service, its database, who asks."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from services.cli.failures import told_in_words
from services.cli.names import SERVICES
from services.cli.service import app_module, settings_class
from shared.messaging.repair import CannotRepair, Repair, Replayed, mend
from shared.messaging.topics import TopicProblem
from shared.messaging.worker import Worker
from shared.security.principal import Principal

T = TypeVar("T")

Service = Annotated[str, typer.Argument(help=f"Whose database: {', '.join(SERVICES)}.")]
Topic = Annotated[str | None, typer.Option(help="The topic.")]
Key = Annotated[str | None, typer.Option("--stream", help="The stream's key, as `cunjing streams held` shows it.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit with your name.")]
Most = Annotated[int, typer.Option(min=1, help="How many to show.")]


def who() -> Principal:
    """The person at the keyboard, for the audit."""
    return Principal(f"cli:{getpass.getuser()}", frozenset(), "", "internal", None)


def repaired(service: str, act: Callable[[Repair], Awaitable[T]]) -> T:
    """One act on what a service's consumer put aside."""
    return with_worker(service, lambda worker: mend(worker.database, who(), worker.subscriptions, act))


def with_worker(service: str, work: Callable[[Worker], Awaitable[T]]) -> T:
    """Do something with the parts of a service's worker; nothing of it is started."""
    if service not in SERVICES:
        raise typer.BadParameter(f"no service {service!r}; there are {', '.join(SERVICES)}")

    async def run() -> T:
        worker: Worker = app_module(service).create_worker(settings_class(service).of(service))
        try:
            return await work(worker)
        finally:
            await worker.database.close()

    with told_in_words(CannotRepair, TopicProblem, OSError, DBAPIError):
        return asyncio.run(run())


def show(rows: list[Any], *columns: str, nothing: str) -> None:
    """Rows as a table for people; topics and streams are never cut, since the next command wants them whole."""
    if not rows:
        typer.echo(nothing)
        return
    table = Table()
    for name in columns:
        table.add_column(name, no_wrap=name in ("topic", "stream"))
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    least = Console(width=1000).measure(table).minimum
    Console(width=max(Console().width, least)).print(table)


OnStream = Callable[[Repair, str, str], Awaitable[Replayed]]


def mend_streams(service: str, streams: Sequence[tuple[str, str]], act: OnStream) -> None:
    """One act on each of these streams, told as it is done; exit code 1 when one of them still stands."""
    flowing = [_mend(service, topic, key, act) for topic, key in streams]
    if not all(flowing):
        raise typer.Exit(1)


def _mend(service: str, topic: str, key: str, act: OnStream) -> bool:
    """Say what became of a stream; whether it flows again."""
    replayed = repaired(service, lambda repair: act(repair, topic, key))
    state = f"still stands: {replayed.held}" if replayed.held else "flows again"
    typer.echo(f"{topic} {key}: {replayed.applied} applied, {replayed.left} left, {state}")
    return replayed.held is None
