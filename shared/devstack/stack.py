"""The whole stack of one folder: PostgreSQL, Kafka, keys, and the processes of the services."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Literal, Self

from shared.database.roles import owner_address
from shared.devstack.errors import DevstackError
from shared.devstack.folder_lock import FolderLock
from shared.devstack.interrupts import held_back
from shared.devstack.kafka import KafkaBroker
from shared.devstack.kafka_jars import class_path
from shared.devstack.plan import StackPlan
from shared.devstack.postgres import PostgresServer
from shared.devstack.processes import ProcessGroup
from shared.security.dev_issuer import DEV_AUDIENCE, DEV_ISSUER, DevKeys, ensure_dev_keys

State = Literal["running", "done", "failed"]
Report = Callable[[str, State, str], None]

READY_SECONDS = 120.0


class Stack:
    """Starts everything a folder needs and stops all of it again; the data stays in the folder.

    `report(step, state, detail)` hears of every step in `steps`, also from other threads: the database and the broker
    start side by side.
    """

    def __init__(self, folder: Path, plan: StackPlan, report: Report = lambda _step, _state, _detail: None) -> None:
        self.folder = folder.resolve()
        self.plan = plan
        self.postgres = PostgresServer(self.folder / "postgres")
        self.kafka = KafkaBroker(self.folder / "kafka")
        self.processes = ProcessGroup(self.folder / "logs", notice=lambda name, text: report(name, "running", text))
        self.keys: DevKeys | None = None
        self._external_kafka = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
        self._report = report
        self._lock = FolderLock(self.folder)
        self._giving_up = False

    @property
    def steps(self) -> Sequence[str]:
        """What `report` will be told about, in the order to show it."""
        jars = () if self._external_kafka else ("kafka jars",)
        before = ("ports", "keys", *jars, "postgres", "migrations", "kafka", "topics")
        return (*before, *self.plan.addresses())

    @property
    def bootstrap_servers(self) -> str:
        """The broker in use: `KAFKA_BOOTSTRAP_SERVERS` when that is set, else our own."""
        return self._external_kafka or self.kafka.bootstrap_servers

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_error: object) -> None:
        self.down()

    def up(self) -> None:
        """Start everything and return when all answer; when anything fails, stop all and raise DevstackError."""
        try:
            self._claim()
            self._side_by_side(self._database, self._broker)
            self._services()
        except BaseException:
            self.down()
            raise

    def wait(self) -> None:
        """Stay up until a process fails for good (DevstackError) or a signal ends us."""
        self.processes.wait()

    def down(self) -> None:
        """Stop everything, what was started last first."""
        with held_back():
            self.processes.stop()
            self.kafka.stop()
            if self._lock.held:  # else the server may belong to the stack in the way
                self.postgres.stop()
            self._lock.release()

    def delete(self) -> None:
        """Forget all data of the folder; DevstackError while its stack runs."""
        self._lock.acquire({})
        self.postgres.delete()
        shutil.rmtree(self.folder)
        self._lock.release()

    def environment(self) -> dict[str, str]:
        """The environment of every process of the stack."""
        return {**_inherited(), **self._settings()}

    def _settings(self) -> dict[str, str]:
        assert self.keys is not None
        common = {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "CUNJING_JWT_ISSUER": DEV_ISSUER,
            "CUNJING_JWT_AUDIENCE": DEV_AUDIENCE,
            "CUNJING_JWKS": str(self.keys.jwks_path),
            "CUNJING_ENCRYPTION_KEYS": str(self.keys.encryption_keys_path),
        }
        urls = {service.upper(): self.postgres.url(_database_name(service)) for service in self.plan.services}
        databases = {f"CUNJING_{service}_DATABASE_URL": url for service, url in urls.items()}
        databases |= {f"CUNJING_{service}_OWNER_DATABASE_URL": owner_address(url) for service, url in urls.items()}
        return {**common, **databases, **self.plan.environment()}

    def _write_settings(self) -> None:
        """For people who want to run our commands beside the stack: a file for their shell to read."""
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in self._settings().items()]
        file = os.open(self.folder / "environment", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "w") as settings:
            settings.writelines(lines)

    def _claim(self) -> None:
        self._step("ports", self._claim_ports)
        self._step("keys", self._ensure_keys)
        if not self._external_kafka:  # in this thread, where Ctrl-C ends a long download
            self._step("kafka jars", lambda: class_path() and "")

    def _claim_ports(self) -> str:
        self._lock.acquire(self.plan.addresses())
        self.plan.check_ports()
        return ", ".join(map(str, self.plan.api_ports()))

    def _ensure_keys(self) -> str:
        self.keys = ensure_dev_keys(self.folder / "keys")
        return ""

    def _database(self) -> None:
        self._step("postgres", self._start_postgres)
        self._step("migrations", lambda: self._command("migrate"))

    def _start_postgres(self) -> str:
        self.postgres.start()
        for service in self.plan.services:
            self.postgres.ensure_database(_database_name(service))
        return str(self.postgres.socket_folder)

    def _broker(self) -> None:
        self._step("kafka", self._start_kafka)
        self._step("topics", lambda: self._command("topics"))

    def _start_kafka(self) -> str:
        if not self._external_kafka:
            self.kafka.start()
        return self.bootstrap_servers

    def _command(self, name: str) -> str:
        self.processes.run(name, [*self.plan.command, name], self.environment())
        return ""

    def _services(self) -> None:
        self._write_settings()
        processes = self.plan.processes(self.environment())
        for process in processes:
            self._report(process.name, "running", "")
        self.processes.start(*processes)
        addresses = self.plan.addresses()
        try:
            self.processes.wait_ready(READY_SECONDS, lambda name: self._report(name, "done", addresses[name]))
        except DevstackError as error:
            self._report(error.part, "failed", str(error))
            raise

    def _side_by_side(self, *tasks: Callable[[], None]) -> None:
        with ThreadPoolExecutor(len(tasks)) as threads:
            running = [threads.submit(task) for task in tasks]
            try:
                done, _ = wait(running, return_when=FIRST_EXCEPTION)
                for task in done:
                    task.result()
            except BaseException:
                self._giving_up = True
                self.processes.stop()
                self.kafka.kill()
                raise

    def _step(self, name: str, action: Callable[[], str]) -> None:
        self._report(name, "running", "")
        try:
            detail = action()
        except Exception as error:
            if not self._giving_up:  # what fails because we stop it is not the cause
                self._giving_up = True
                self._report(name, "failed", str(error))
            raise
        self._report(name, "done", detail)


def _database_name(service: str) -> str:
    return f"cunjing_{service}"


def _inherited() -> Mapping[str, str]:
    """Our own environment without the PG* variables, which asyncpg would follow to another server."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")}
