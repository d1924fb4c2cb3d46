"""`cunjing topics`."""

import asyncio
from typing import Annotated

import typer

from services.cli.failures import told_in_words


def topics(
    bootstrap: Annotated[str, typer.Option(envvar="KAFKA_BOOTSTRAP_SERVERS", help="Brokers, host:port,…")],
    replication_factor: Annotated[
        int, typer.Option(envvar="CUNJING_REPLICATION_FACTOR", min=1, help="3 in a cluster, 1 on one machine.")
    ] = 1,
) -> None:
    """Create the topics that are missing and check the others. Run it before the services start."""
    from shared.messaging.topics import TopicProblem, ensure_topics

    with told_in_words(TopicProblem):
        made = asyncio.run(ensure_topics(bootstrap, replication_factor))
    typer.echo(f"created {len(made)}: {', '.join(made)}" if made else "all topics are there")
