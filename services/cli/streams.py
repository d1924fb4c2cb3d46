"""`cunjing streams …`: how far a service has read, and which streams stand still."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.desk import Key, Most, Reason, Service, Topic, mend_streams, repaired, show, with_worker
from shared.messaging.lag import TopicLag, lag_of
from shared.messaging.topics import check_topics
from shared.messaging.worker import Worker

app = typer.Typer(help="How far a service has read, and which streams stand still.", no_args_is_help=True)

EVERY = 1_000_000


@app.command()
def lag(service: Service) -> None:
    """Records that wait on the broker for each topic the service reads, and what is put aside."""

    async def look(worker: Worker) -> list[TopicLag]:
        bootstrap, topics = worker.settings.kafka_bootstrap_servers, sorted(worker.subscriptions)
        await check_topics(bootstrap, topics)
        return await lag_of(worker.database, bootstrap, topics)

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
    if (topic is None) != (key is None) or all_forks == (topic is not None):
        raise typer.BadParameter("give --topic and --stream, or --all-forks")
    chosen = [(topic, key)] if topic and key else _forks(service)
    if not chosen:
        typer.echo(f"no stream of {service} is held for a fork")
    mend_streams(service, chosen, lambda repair, of, stream: repair.accept(of, stream, reason))


def _forks(service: str) -> list[tuple[str, str]]:
    rows = repaired(service, lambda repair: repair.held_streams(EVERY))
    return [(row.topic, row.stream_key) for row in rows if row.reason.startswith("fork: ")]
