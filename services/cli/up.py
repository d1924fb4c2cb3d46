"""`cunjing up`."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.cli.failures import told_in_words

if TYPE_CHECKING:
    from shared.devstack.stack import Stack


def up(
    base_port: Annotated[
        int,
        typer.Option(envvar="CUNJING_BASE_PORT", help="APIs at base+1…+4, workers at base+11…+14; 0 takes free ports."),
    ] = 8100,
) -> None:
    """Start PostgreSQL, Kafka and all services on this machine and stay until Ctrl-C.

    Data, keys and logs live in `.cunjing` of the current folder and are there again next time. With
    `KAFKA_BOOTSTRAP_SERVERS` set, that cluster is used and no broker is started.
    """
    from services.cli.laptop import laptop_stack, project_folder
    from services.cli.progress import Progress
    from shared.devstack.interrupts import ends_like_ctrl_c

    console = Console()
    progress = Progress(console)
    with told_in_words(), ends_like_ctrl_c():
        stack = laptop_stack(project_folder(), base_port, progress.report)
        try:
            with progress.show(stack.steps):
                stack.up()
            _tell_addresses(console, stack)
            stack.wait()
        except KeyboardInterrupt:
            console.print("stopping …")
        finally:
            stack.down()


def _tell_addresses(console: Console, stack: "Stack") -> None:
    addresses = stack.plan.addresses()
    console.print("\nUp. Interactive API pages and metrics:")
    for service in stack.plan.services:
        api, worker = addresses[f"{service} api"], addresses[f"{service} worker"]
        console.print(f"  {service:<10} {api}/docs  {api}/metrics  worker {worker}/metrics", soft_wrap=True)
    console.print(f"Kafka {stack.bootstrap_servers}, logs in {stack.folder / 'logs'}.", soft_wrap=True)
    console.print("Ctrl-C stops everything; `make clean-data` forgets the data.")
