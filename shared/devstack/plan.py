"""Which processes a stack has, at which ports, started how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.devstack.errors import DevstackError
from shared.devstack.ports import LOOPBACK, free_port, holder_of, is_free
from shared.devstack.processes import ProcessSpec

BASE_PORT_VARIABLE = "CUNJING_BASE_PORT"


@dataclass(frozen=True, slots=True)
class ServicePorts:
    """Where one service listens: its API, and its worker's health and metrics."""

    api: int
    worker: int


@dataclass(frozen=True, slots=True)
class StackPlan:
    """`command` is the command line to which `migrate`, `topics` or `<service> api|worker` is added."""

    command: Sequence[str]
    services: Mapping[str, ServicePorts]
    extra: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(
        cls, base_port: int, command: Sequence[str], services: Sequence[str], extra: Mapping[str, str] | None = None
    ) -> StackPlan:
        """Ports counted up from `base_port` (8100: APIs 8101…, workers 8111…); free ones when it is 0."""
        numbers = enumerate(services, start=1)
        ports = {name: _ports(base_port, number) for number, name in numbers}
        return cls(command, ports, extra or {})

    def processes(self, environment: Mapping[str, str]) -> list[ProcessSpec]:
        """An API and a worker for each service, ready when their /readyz says so."""
        return [
            ProcessSpec(
                name=name,
                command=[*self.command, *name.split()],
                env=environment,
                ready_url=f"{address}/readyz",
                restart=name.endswith(" worker"),  # an API has no reason to end
            )
            for name, address in self.addresses().items()
        ]

    def environment(self) -> dict[str, str]:
        """Where each process listens, and what this stack sets besides."""
        ports: dict[str, str] = {}
        for service, listens in self.services.items():
            prefix = f"CUNJING_{service.upper()}_"
            ports |= {
                f"{prefix}HOST": LOOPBACK,
                f"{prefix}PORT": str(listens.api),
                f"{prefix}WORKER_PORT": str(listens.worker),
            }
        return {**ports, **self.extra}

    def addresses(self) -> dict[str, str]:
        """The address of each process by its name."""
        return {
            f"{service} {kind}": f"http://{LOOPBACK}:{port}"
            for service, ports in self.services.items()
            for kind, port in (("api", ports.api), ("worker", ports.worker))
        }

    def api_ports(self) -> list[int]:
        """The ports of the APIs, in the order of the services."""
        return [ports.api for ports in self.services.values()]

    def check_ports(self) -> None:
        """DevstackError naming the first port that is taken."""
        for name, address in self.addresses().items():
            port = int(address.rsplit(":", 1)[1])
            if not is_free(port):
                raise DevstackError(
                    name,
                    f"port {port} is taken by {holder_of(port)}; end that program, or choose other ports, for example "
                    f"{BASE_PORT_VARIABLE}=9100 (0 for any free ones)",
                )


def _ports(base: int, number: int) -> ServicePorts:
    return ServicePorts(base + number, base + 10 + number) if base else ServicePorts(free_port(), free_port())
