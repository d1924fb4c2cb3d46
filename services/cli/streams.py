"""`cunjing streams …`: how far a service has read, and which streams stand still."""

from __future__ import annotations

import typer

from services.cli.desk import Key, Most, Reason, Service, Topic, repaired, show, tell, with_worker
from shared.messaging.lag import TopicLag, lag_of
from shared.messaging.worker import Worker

app = typer.Typer(help="How far a service has read, and which streams stand still.", no_args_is_help=True)


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
def accept(service: Service, topic: Topic, key: Key, reason: Reason) -> None:
    """Go on over a gap or a fork: what is missing is given up. Try `cunjing outbox republish` first. Not undoable."""
    tell(topic, key, repaired(service, lambda repair: repair.accept(topic, key, reason)))
