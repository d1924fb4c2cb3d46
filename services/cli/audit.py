"""`cunjing audit …`: the head of a service's audit, whether it is what it was, and its rows as a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from services.cli.addresses import database_url, known_url, owner_url
from services.cli.desk import Service, who
from services.cli.failures import told_in_words
from services.cli.names import SERVICES
from shared.audit.archive import PRUNED, Span, lines, prune, span
from shared.audit.chain import Sealed
from shared.audit.heads import Head, kept_heads, written_head
from shared.audit.sealer import last_seal
from shared.audit.verifier import Verdict, verify
from shared.clock import SHANGHAI
from shared.contracts.registry import PULSES
from shared.database.unit import Database
from shared.security.audit import record_audit

app = typer.Typer(help="The chain of a service's audit: head, check, rows.", no_args_is_help=True)

T = TypeVar("T")
SHOWN = 100
DAY = ["%Y-%m-%d"]


@app.command("head")
def show_head(
    services: Annotated[list[str] | None, typer.Argument(help=f"Any of {', '.join(SERVICES)}; all by default.")] = None,
) -> None:
    """Rows, hash and time of the last seal. Write it down elsewhere: `verify --head ROWS:HASH` checks against it."""
    for service in services or SERVICES:
        seal = _run(_last_seal(service))
        told = f"{seal.position}:{seal.hash} sealed {seal.sealed_at.astimezone(SHANGHAI):%F %T}" if seal else "no row"
        typer.echo(f"{service} {told}")


@app.command("verify")
def check(
    service: Service,
    heads: Annotated[list[str] | None, typer.Option("--head", help="A head that was written down, ROWS:HASH.")] = None,
) -> None:
    """Compute the chain again and hold it against its seals, the heads that other services keep, and those given.

    Says which rows were edited, deleted or reordered, whether the tail was cut or the chain rewritten, and how many
    rows are too young to be protected. Exit code 1 when something was found.
    """
    try:
        given = [written_head(head) for head in heads or ()]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    verdict, kept = _run(_verify(service, given))
    _tell(service, verdict, kept)
    if verdict.findings:
        raise typer.Exit(1)


@app.command()
def export(
    service: Service,
    since: Annotated[datetime, typer.Option("--from", formats=DAY, help="The first day, Asia/Shanghai.")],
    until: Annotated[datetime, typer.Option("--to", formats=DAY, help="The last day.")],
    out: Annotated[Path, typer.Option(help="A file that does not exist yet.")],
    remove: Annotated[
        bool, typer.Option("--prune", help="Then remove, as the tables' owner, those sealed over 180 days ago.")
    ] = False,
) -> None:
    """The rows of some days with their seals, one JSON object a line. What is not exported is never removed."""
    if out.exists():
        raise typer.BadParameter(f"{out} exists")
    first, end = since.replace(tzinfo=SHANGHAI), until.replace(tzinfo=SHANGHAI) + timedelta(days=1)
    exported = _run(_export(service, first, end, out))
    if exported is None:
        typer.echo("no sealed row in these days")
        return
    typer.echo(f"rows at places {exported.first} to {exported.last}: {out}")
    if remove:
        removed = _run(_prune(service, exported))
        typer.echo(f"removed places {removed.first} to {removed.last}" if removed else "none of them may go yet")


def _run(work: Awaitable[T]) -> T:
    async def run() -> T:
        return await work

    with told_in_words(OSError, DBAPIError):
        return asyncio.run(run())


@asynccontextmanager
async def _reading(url: str) -> AsyncIterator[AsyncConnection]:
    """One moment of a database, for as long as it takes."""
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="REPEATABLE READ")
    async with engine.connect() as connection:
        yield connection


async def _last_seal(service: str) -> Sealed | None:
    async with _reading(database_url(service)) as connection:
        return await last_seal(connection)


async def _verify(service: str, given: Sequence[Head]) -> tuple[Verdict, dict[str, int | None]]:
    """The verdict, and how many heads each keeper has; None for one whose database is not known here."""
    kept: dict[str, int | None] = {}
    url, heads = database_url(service), list(given)
    # Heads first: what is told while we look is not missed by the chain.
    for keeper in PULSES[service]:
        found = await _kept(keeper, service)
        kept[keeper] = None if found is None else len(found)
        heads += found or ()
    async with _reading(url) as connection:
        return await verify(connection, heads), kept


async def _kept(keeper: str, service: str) -> list[Head] | None:
    if not (url := known_url(keeper)):
        return None
    async with _reading(url) as connection:
        return await kept_heads(connection, keeper, service)


def _tell(service: str, verdict: Verdict, kept: dict[str, int | None]) -> None:
    asked = ", ".join(f"{who}: {'not asked' if n is None else f'{n} heads'}" for who, n in kept.items())
    typer.echo(f"{service}: {verdict.sealed} rows sealed, {verdict.unsealed} not yet; {asked}")
    if verdict.cut:
        typer.echo(f"rows up to place {verdict.cut.place} were exported and removed on {verdict.cut.at:%F}")
    for finding in verdict.findings[:SHOWN]:
        typer.echo(str(finding), err=True)
    if len(verdict.findings) > SHOWN:
        typer.echo(f"and {len(verdict.findings) - SHOWN} more", err=True)
    last = f"the last head that fits is {verdict.fitting}" if verdict.fitting else "no head of it is kept elsewhere"
    typer.echo(f"{last}; unprotected are {verdict.unprotected} rows that are younger: they can be rewritten unseen")


async def _export(service: str, since: datetime, until: datetime, out: Path) -> Span | None:
    url = database_url(service)
    async with _reading(url) as connection:
        if (of := await span(connection, since, until)) is None:
            return None
        with out.open("x") as file:
            async for line in lines(connection, of):
                file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())  # nothing is removed that is not on the disk
    await _note(url, "audit.export", f"{of.first} to {of.last}")
    return of


async def _prune(service: str, exported: Span) -> Span | None:
    database = Database(owner_url(service))
    async with database.unit() as unit:
        if removed := await prune(unit.connection, exported, unit.now):
            await record_audit(unit, who(), PRUNED, str(removed.last))
    await database.close()
    return removed


async def _note(url: str, action: str, object: str) -> None:
    database = Database(url)
    async with database.unit() as unit:
        await record_audit(unit, who(), action, object)
    await database.close()
