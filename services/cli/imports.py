"""`cunjing import …`: published files straight into a database."""

from __future__ import annotations

import asyncio
import getpass
import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.cli.failures import told_in_words
from services.cli.migrate import migrations_of
from services.personnel.errors import BadDivisionFile
from services.personnel.rules.division_files import FileKind
from services.personnel.schemas.answers import ImportReport
from services.personnel.service.divisions import DivisionImport
from shared.clock import shanghai_day
from shared.database.migrate import schema_problem
from shared.database.unit import Database
from shared.security.principal import Principal
from shared.settings import SettingsError

app = typer.Typer(help="Bring published data in from files.", no_args_is_help=True)

_URL = "CUNJING_PERSONNEL_DATABASE_URL"


@app.callback()
def _group() -> None:
    """Keep `divisions` a command of its own while it is the only one."""


@app.command()
def divisions(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A .csv or .csv.gz as published.")],
    kind: Annotated[FileKind, typer.Option(help="Which of the five files; import them from the top down.")],
    valid_from: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day of the codes that are new; today when not given."),
    ] = None,
) -> None:
    """Import a division file, all of it or nothing. Needs `CUNJING_PERSONNEL_DATABASE_URL`.

    Again with the same file: nothing changes and nothing is published.
    """
    console = Console(stderr=True)
    with told_in_words(OSError, EOFError, zlib.error, DBAPIError):
        try:
            report = asyncio.run(_import(file, kind, valid_from, console))
        except BadDivisionFile as bad:
            console.print(f"{file}: {bad.title},未导入", style="red", markup=False)
            for error in bad.members["errors"]:
                console.print(f"  第 {error['line']} 行:{error['reason']}", markup=False, highlight=False)
            raise typer.Exit(1) from None
    typer.echo(report.model_dump_json())


async def _import(file: Path, kind: FileKind, valid_from: datetime | None, console: Console) -> ImportReport:
    if not (url := os.environ.get(_URL)):
        raise SettingsError(f"{_URL} is not set: the address of the database of personnel")
    database, by = Database(url), Principal(f"cli:{getpass.getuser()}", frozenset(), "", "internal", None)
    with _progress(console) as progress, _lines(file, progress) as lines:
        async with database.unit() as unit:
            if problem := await schema_problem(unit.connection, "personnel", migrations_of("personnel")):
                raise SettingsError(problem)
            await unit.connection.execute(text("SET LOCAL statement_timeout = 0"))
            day = valid_from.date() if valid_from else shanghai_day(unit.now)
            report = await DivisionImport(unit, by, _teller(progress)).run(lines, kind, day)
    await database.close()
    return report


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def _teller(progress: Progress) -> Callable[[str, int], None]:
    tasks = {"staged": progress.add_task("rows read", total=None), "published": progress.add_task("facts", total=None)}
    return lambda step, done: progress.update(tasks[step], completed=done)


@contextmanager
def _lines(file: Path, progress: Progress) -> Iterator[IO[str]]:
    """The file as text; what is no UTF-8 becomes a half surrogate, so that its line can be named."""
    with progress.open(file, "rb", description="bytes") as raw:
        plain = gzip.GzipFile(fileobj=raw) if file.suffix == ".gz" else raw
        with io.TextIOWrapper(plain, encoding="utf-8", errors="surrogateescape", newline="") as lines:
            yield lines
