"""PostgreSQL, Kafka and single processes of the services, for as long as a measurement runs."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import services
from shared.database.migrate import migrate
from shared.database.unit import Database
from shared.devstack.kafka import KafkaBroker
from shared.devstack.ports import free_port
from shared.devstack.postgres import PostgresServer
from shared.devstack.processes import ProcessGroup, ProcessSpec
from shared.ids import new_id
from shared.security.dev_issuer import DEV_AUDIENCE, DEV_ISSUER, DevKeys, ensure_dev_keys, issue_token

ROOT = Path(services.__file__).parent.parent
SCHEMES = ROOT / "deploy" / "demo" / "schemes"


@dataclass(frozen=True)
class Bench:
    """What a measurement works with."""

    folder: Path
    postgres: PostgresServer
    kafka: KafkaBroker
    keys: DevKeys

    async def database(self, service: str) -> Database:
        """A fresh, migrated database of a service."""
        url = self.postgres.ensure_database(f"bench_{service}_{new_id().hex[-10:]}")
        await migrate(url, ROOT / "services" / service / "migrations")
        return Database(url)

    def environment(self, service: str, url: str) -> dict[str, str]:
        name = service.upper()
        return {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "CUNJING_JWT_ISSUER": DEV_ISSUER,
            "CUNJING_JWT_AUDIENCE": DEV_AUDIENCE,
            "CUNJING_JWKS": str(self.keys.jwks_path),
            "CUNJING_ENCRYPTION_KEYS": str(self.keys.encryption_keys_path),
            "CUNJING_SCHEMES_DIR": str(SCHEMES),
            "CUNJING_LOG_LEVEL": "WARNING",
            f"CUNJING_{name}_DATABASE_URL": url,
            f"CUNJING_{name}_PORT": str(free_port()),
            f"CUNJING_{name}_WORKER_PORT": str(free_port()),
        }

    def token(self) -> str:
        scopes = ("fieldwork:sync", "act-as", "ops")
        return issue_token(self.keys.private_key_path, subject="bench", scopes=scopes, division="411622")

    @contextmanager
    def processes(self, *wanted: tuple[str, str, dict[str, str]]) -> Iterator[None]:
        """Run processes such as ("fieldwork", "api", environment) until the block ends."""
        with ProcessGroup(self.folder / "logs") as group:
            for service, role, environment in wanted:
                port = environment[f"CUNJING_{service.upper()}_{'PORT' if role == 'api' else 'WORKER_PORT'}"]
                group.start(
                    ProcessSpec(
                        name=f"{service}-{role}",
                        command=[sys.executable, "-m", "services", service, role],
                        env=environment,
                        ready_url=f"http://127.0.0.1:{port}/readyz",
                    )
                )
            group.wait_ready()
            yield


@contextmanager
def bench_stack() -> Iterator[Bench]:
    """PostgreSQL as it ships (every commit reaches the disk) and one broker, in a throw-away folder."""
    with tempfile.TemporaryDirectory(prefix="cunjing-bench-") as name:
        folder = Path(name)
        postgres, kafka = PostgresServer(folder / "postgres"), KafkaBroker(folder / "kafka")
        try:
            postgres.start()
            kafka.start()
            yield Bench(folder, postgres, kafka, ensure_dev_keys(folder / "keys"))
        finally:
            kafka.stop()
            postgres.delete()
