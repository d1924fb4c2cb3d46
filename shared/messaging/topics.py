"""Topics: created with settings that keep every fact, and refused when they have another number of partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.registry import COMPACTED, TOPICS
from shared.messaging.client import MAX_MESSAGE_BYTES, admin

PARTITIONS = 12
"""Fixed: growing it would send a stream's later facts to another partition and break their order."""

_PATIENCE = 50


class TopicProblem(RuntimeError):
    """Topics are missing or have another partition count; the text says which and what to do."""


async def ensure_topics(
    bootstrap: str, replication_factor: int, topics: Iterable[str] = TOPICS, compacted: Iterable[str] = COMPACTED
) -> list[str]:
    """Create the topics that do not exist yet and check the others; returns the names of the new ones."""
    client = admin(bootstrap)
    await client.start()
    try:
        missing = sorted(set(topics) - set(await client.list_topics()))
        if missing:
            wanted = [_new(name, replication_factor, name in set(compacted)) for name in missing]
            _require_created(await client.create_topics(wanted))
    finally:
        await client.close()
    await _wait_until_there(bootstrap, topics)
    return missing


async def _wait_until_there(bootstrap: str, topics: Iterable[str]) -> None:
    """A broker shows a topic it has just created after a moment only."""
    for patience in range(_PATIENCE, -1, -1):
        try:
            await check_topics(bootstrap, topics)
            return
        except TopicProblem:
            if not patience:
                raise
        await asyncio.sleep(0.1)


async def check_topics(bootstrap: str, topics: Iterable[str]) -> None:
    """Raise TopicProblem unless every topic exists with exactly PARTITIONS partitions."""
    client = admin(bootstrap)
    await client.start()
    try:
        described = await client.describe_topics(sorted(topics))
    finally:
        await client.close()
    counts = {found["topic"]: len(found["partitions"]) for found in described}
    missing = sorted(name for name in topics if not counts.get(name))
    other = [f"{name} has {counts[name]}" for name in sorted(topics) if counts.get(name) not in (None, 0, PARTITIONS)]
    told = [f"missing topics: {', '.join(missing)}; `cunjing topics` creates them"] if missing else []
    told += [f"every topic needs {PARTITIONS} partitions: {', '.join(other)}"] if other else []
    if told:
        raise TopicProblem("; ".join(told))


def _require_created(answer: Any) -> None:
    """The client raises nothing for what a broker refuses (replication factor 3 on one broker)."""
    refused = {name: for_code(code) for name, code, *_ in answer.topic_errors if code}
    told = [f"{name}: {why.__name__}" for name, why in sorted(refused.items()) if why is not TopicAlreadyExistsError]
    if told:
        raise TopicProblem(f"the broker refused to create topics: {'; '.join(told)}")


def _new(name: str, replication_factor: int, compact: bool) -> NewTopic:
    settings = {
        "retention.ms": "-1",
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "min.insync.replicas": "2" if replication_factor >= 3 else "1",
        "unclean.leader.election.enable": "false",
    }
    if compact:
        settings |= {"cleanup.policy": "compact", "min.compaction.lag.ms": str(24 * 3600 * 1000)}
    return NewTopic(name, PARTITIONS, replication_factor, topic_configs=settings)
