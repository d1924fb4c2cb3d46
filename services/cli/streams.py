"""`cunjing streams …`: how far a service has read, and which streams stand still."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.desk import Key, Most, Reason, Service, Topic, repaired, show, tell, with_worker
from shared.messaging.lag import TopicLag, lag_of
from shared.messaging.repair import Repair, Replayed
from shared.messaging.worker import Worker

app = typer.Typer(help="How far a service has read, and which streams stand still.", no_args_is_help=True)

EVERY = 1_000_000


@app.command()
def lag(service: Service) -> None:
    """Records that wait on the broker for each topic the service reads, and what is put aside."""

    async def look(worker: Worker) -> list[TopicLag]:
        return await lag_of(worker.database, worker.settings.kafka_bootstrap_servers, sorted(worker.handlers))

    rows = with_worker(service, look)
    show(rows, "topic", "waiting", "held", "dead letters", nothing=f"{service} reads no topic")


@app.command()
def held(service: Service, most: Most = 50) -> None:
    """Streams that stand still: after which fact, why, how many facts wait, since when."""
    rows = repaired(service, lambda repair: repair.held_streams(most))
    told = [(r.topic, r.stream_key, r.last_seq, r.reason, r.facts, r.since) for r in rows]
    show(
        told, "topic", "stream", "applied up to", "reason", "waiting", "since", nothing=f"no stream of {service} stands"
    )


@app.command()
def accept(
    service: Service,
    reason: Reason,
    topic: Topic = None,
    key: Key = None,
    all_forks: Annotated[bool, typer.Option("--all-forks", help="Every stream that is held for a fork.")] = False,
) -> None:
    """Go on over a gap or a fork. Cannot be undone.

    A gap: the missing facts are given up, so try `cunjing outbox republish` first. A fork: what was applied stays, and
    the history the publisher has now goes on.
    """
    chosen = [(topic, key)] if topic and key else _forks(service) if all_forks else None
    if chosen is None or (all_forks and (topic or key)):
        raise typer.BadParameter("give --topic and --stream, or --all-forks")
    flowing = [tell(of, stream, _accepted(service, of, stream, reason)) for of, stream in chosen]
    if not all(flowing):
        raise typer.Exit(1)


def _forks(service: str) -> list[tuple[str, str]]:
    rows = repaired(service, lambda repair: repair.held_streams(EVERY))
    return [(row.topic, row.stream_key) for row in rows if row.reason.startswith("fork: ")]


def _accepted(service: str, topic: str, key: str, reason: str) -> Replayed:
    async def act(repair: Repair) -> Replayed:
        return await repair.accept(topic, key, reason)

    return repaired(service, act)
