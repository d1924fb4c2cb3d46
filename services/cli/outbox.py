"""`cunjing outbox …`: what a service has still to send, and sending again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from services.cli.desk import Reason, Service, show, who, with_worker
from shared.database.unit import Unit
from shared.messaging import outbox_care
from shared.messaging.worker import Worker
from shared.security.audit import record_audit

app = typer.Typer(help="What a service has still to send, and sending again.", no_args_is_help=True)

T = TypeVar("T")


@app.command()
def status(service: Service) -> None:
    """For each topic: facts that wait, since when, how many are kept; the epoch; whether a relay is at work."""

    async def look(unit: Unit) -> tuple[list[Any], int, int | None]:
        connection = unit.connection
        return (
            await outbox_care.status(connection),
            await outbox_care.epoch(connection),
            await outbox_care.relay_session(connection),
        )

    rows, number, session = _in_unit(service, look)
    show(rows, "topic", "waiting", "kept", "waiting since", "last sent", nothing=f"{service} has published nothing")
    relay = f"session {session}" if session else "none: is the worker up?"
    typer.echo(f"epoch {number}; relay at work: {relay}")


@app.command()
def republish(
    service: Service,
    topic: Annotated[str, typer.Option(help="The topic.")],
    reason: Reason,
    key: Annotated[
        str | None, typer.Option("--stream", help="Only this stream; all of the topic when not given.")
    ] = None,
    first: Annotated[int, typer.Option("--from", min=1, help="From this sequence on.")] = 1,
) -> None:
    """Have the relay send kept rows again; readers drop what they have. Kept are those of the last 14 days."""

    async def again(unit: Unit) -> int:
        rows = await outbox_care.republish(unit.connection, topic, key, first)
        await record_audit(unit, who(), "outbox.republish", f"{topic} {key or '*'} from {first}", reason=reason)
        return rows

    if not (rows := _in_unit(service, again)):
        typer.echo("nothing is sent again: the outbox keeps no such sent fact (any more)", err=True)
        raise typer.Exit(1)
    typer.echo(f"{rows} facts will be sent again within 15 seconds")


@app.command("new-epoch")
def new_epoch(service: Service, reason: Reason) -> None:
    """After this service's database was put back: readers hold what would rewrite history instead of dropping it.

    Run it before the service's processes start again: what they publish before is dropped by the readers. It does no
    harm where it was not needed. The epoch is what the facts carry from now on.
    """

    async def raise_it(unit: Unit) -> int:
        number = await outbox_care.new_epoch(unit.connection)
        await record_audit(unit, who(), "outbox.new_epoch", str(number), reason=reason)
        return number

    typer.echo(f"epoch {_in_unit(service, raise_it)}")


def _in_unit(service: str, work: Callable[[Unit], Awaitable[T]]) -> T:
    async def run(worker: Worker) -> T:
        async with worker.database.unit() as unit:
            return await work(unit)

    return with_worker(service, run)
