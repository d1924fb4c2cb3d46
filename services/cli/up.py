"""`cunjing run` and `cunjing up`: everything on this machine, with a worked county or empty."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.console import Console

from services.cli.failures import told_in_words

if TYPE_CHECKING:
    from demo.result import Result
    from shared.devstack.stack import Report, Stack

BasePort = Annotated[
    int,
    typer.Option(envvar="CUNJING_BASE_PORT", help="APIs at base+1…+4, workers at base+11…+14; 0 takes free ports."),
]


def run(base_port: BasePort = 8100) -> None:
    """Start everything, load a real county, work its month, print the result, stay until Ctrl-C.

    Data, keys and logs live in `.cunjing` of the current folder; again on the same data it goes on with it.
    """
    from services.cli.demo import demo_steps, scheme_decisions, work_stack

    _stay(base_port, scheme_decisions(), demo_steps(), work_stack)


def up(base_port: BasePort = 8100) -> None:
    """Start PostgreSQL, Kafka and all services on this machine, with no data of ours, and stay until Ctrl-C.

    Data, keys and logs live in `.cunjing` of the current folder and are there again next time. With
    `KAFKA_BOOTSTRAP_SERVERS` set, that cluster is used and no broker is started.
    """
    _stay(base_port, {}, (), lambda _stack, _report: None)


def _stay(
    base_port: int,
    extra: Mapping[str, str],
    steps: tuple[str, ...],
    work: "Callable[[Stack, Report], Result | None]",
) -> None:
    from demo.clients import Unexpected
    from demo.report import print_result
    from services.cli.laptop import laptop_stack, project_folder
    from services.cli.progress import Progress
    from shared.devstack.interrupts import ends_like_ctrl_c

    console = Console()
    progress = Progress(console)
    with told_in_words(Unexpected), ends_like_ctrl_c():
        stack = laptop_stack(project_folder(), base_port, progress.report, extra)
        try:
            with progress.show([*stack.steps, *steps]):
                stack.up()
                result = work(stack, progress.report)
            if result:
                print_result(Console(), result)
            _tell_addresses(console, stack)
            if result:
                _tell_page(console, stack, UUID(result.content["sheet"]["officer"]["id"]))
            console.print("Ctrl-C stops everything; `make clean-data` forgets the data.")
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
    console.print("A token for them: `.venv/bin/cunjing token --division 411622` (`--help` says more).")


def _tell_page(console: Console, stack: "Stack", officer: UUID) -> None:
    from demo.month import MONTH
    from demo.page import page_link

    assert stack.keys is not None
    scoring = stack.plan.addresses()["scoring api"]
    link = page_link(scoring, stack.keys.private_key_path, officer)
    console.print("One officer's own sheet as a page, open for 15 minutes:")
    console.print(f"  {link}", soft_wrap=True)
    console.print("Another link, as his APP asks for it:")
    console.print(
        f'  curl -X POST {scoring}/v1/me/page-links -H "Content-Type: application/json" -d \'{{"period": "{MONTH}"}}\' '
        f'-H "Authorization: Bearer $(.venv/bin/cunjing token --division 411622 --officer {officer})"',
        soft_wrap=True,
    )
