"""`cunjing dead-letters …`: facts that a service could not read or refused."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from services.cli.desk import Key, Most, Reason, Service, Topic, mend_streams, repaired, show
from shared.messaging.repair import Repair

app = typer.Typer(help="Facts a service could not read or refused: look, replay, give up.", no_args_is_help=True)

Id = Annotated[int, typer.Argument(help="The number `cunjing dead-letters list` shows.")]


@app.command("list")
def list_(
    service: Service,
    topic: Topic = None,
    after: Annotated[int, typer.Option(help="Go on after this number.")] = 0,
    most: Most = 50,
) -> None:
    """Dead letters, oldest first: number, topic, stream, reason, since when."""
    rows = repaired(service, lambda repair: repair.dead_letters(topic, after, most))
    told = [(r.id, r.topic, r.stream_key, r.reason, f"{r.kept_at:%Y-%m-%d %H:%M:%S%z}") for r in rows]
    show(told, "number", "topic", "stream", "reason", "since", nothing=f"no dead letters in {service}")


@app.command("show")
def show_one(service: Service, id: Id) -> None:
    """One dead letter whole: its envelope and its bytes, as JSON."""
    dead = repaired(service, lambda repair: repair.dead_letter(id))
    told: dict[str, Any] = {
        "number": dead.id,
        "topic": dead.topic,
        "partition": dead.partition,
        "offset": dead.offset,
        "stream": dead.stream_key,
        "reason": dead.reason,
        "since": dead.kept_at.isoformat(),
        "headers": dead.headers,
        "body": dead.body and dead.body.decode(errors="backslashreplace"),
    }
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2))


@app.command()
def replay(
    service: Service,
    topic: Topic = None,
    key: Key = None,
) -> None:
    """Apply what was put aside, stream by stream in order: after the cause was mended. Without a stream, all of them.

    Also after the missing facts of a gap have come. What still cannot be applied stays (exit code 1).
    Nothing is applied twice. The worker may run meanwhile.
    """
    if (topic is None) != (key is None):
        raise typer.BadParameter("give --topic and --stream together, or neither of them")
    chosen = [(topic, key)] if topic and key else repaired(service, lambda repair: repair.streams_to_replay())
    if not chosen:
        typer.echo(f"nothing was put aside in {service}")
    mend_streams(service, chosen, Repair.replay)


@app.command()
def discard(service: Service, id: Id, reason: Reason) -> None:
    """Give a dead letter up for good and go on with what waits behind it. Cannot be undone."""
    replayed = repaired(service, lambda repair: repair.discard(id, reason))
    typer.echo(f"dead letter {id} given up")
    if replayed:
        typer.echo(f"{replayed.applied} applied that waited behind it, {replayed.left} left")
