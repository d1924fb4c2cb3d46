"""The settings of every Kafka client, in one place: nothing here is left to a default that loses data."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

REQUEST_TIMEOUT_MS = 15_000
MAX_MESSAGE_BYTES = 1024 * 1024
# A partition just taken over must not wait long for the poll in flight.
EMPTY_POLL_MS = 350


def producer(bootstrap: str, service: str) -> AIOKafkaProducer:
    """A producer that keeps order and writes each record once per session; after any failure it is thrown away."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=f"cunjing-{service}-relay",
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        max_request_size=MAX_MESSAGE_BYTES,
        max_batch_size=256 * 1024,
        linger_ms=2,
    )


def consumer(bootstrap: str, service: str) -> AIOKafkaConsumer:
    """A consumer without group membership: partitions are assigned by us, offsets live in the service's database.

    The group id serves only the commit hint that lag tools read.
    """
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=f"cunjing-{service}-worker",
        group_id=f"cunjing.{service}",
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=EMPTY_POLL_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        max_partition_fetch_bytes=2 * MAX_MESSAGE_BYTES,
    )


def admin(bootstrap: str) -> AIOKafkaAdminClient:
    """A client that describes and creates topics."""
    return AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
