"""Servers that a test may stop, bounce and cut off: never those of the whole session."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from shared.devstack.kafka import KafkaBroker
from shared.devstack.lifeline import Lifeline
from shared.devstack.ports import LOOPBACK, free_port
from shared.devstack.postgres import PostgresServer
from tests.owner import with_tables_of_its_own


class SpareBroker(KafkaBroker):
    """A broker with a second door: who comes in by `far` is told to come back by `outer`, where a test puts a proxy."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.far, self.outer = free_port(), free_port()

    def _launch(self, command: list[str]) -> None:
        added = {
            "listeners=": f",FAR://{LOOPBACK}:{self.far}",
            "advertised.listeners=": f",FAR://{LOOPBACK}:{self.outer}",
            "listener.security.protocol.map=": ",FAR:PLAINTEXT",
        }
        lines = [
            line + next((more for name, more in added.items() if line.startswith(name)), "")
            for line in self._properties.read_text().splitlines()
        ]
        # Restarted after a kill it waits for the end of its former session; it is bounced often.
        quick = ["broker.session.timeout.ms=1000", "broker.heartbeat.interval.ms=250"]
        self._properties.write_text("\n".join([*lines, *quick, "inter.broker.listener.name=PLAINTEXT", ""]))
        super()._launch(command)


class SparePostgres(PostgresServer):
    """A server that ends with the tests, however often it was started."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, durable=False)
        self._lifeline = Lifeline()

    _lifeline = Lifeline()

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.socket_folder / ".s.PGSQL.5432"

    def new_database(self) -> str:
        """An empty database with an owner of its own; returns its address."""
        return with_tables_of_its_own(self.ensure_database(f"test_{uuid4().hex[:12]}"))

    def start(self) -> None:
        super().start()
        self._lifeline.watch(self.pid)

    def stop(self) -> None:
        if self._data.exists() and self.running():
            self._lifeline.release(self.pid)
        super().stop()

    def delete(self) -> None:
        super().delete()
        self._lifeline.close()


def by_port(url: str, port: int) -> str:
    """The address of the same database by a port of this machine."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.username}@{LOOPBACK}:{port}{parts.path}?ssl=disable"
