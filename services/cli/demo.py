"""`cunjing demo`, and its heart for `cunjing up`: load the county, work its month, collect the result."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from services.cli.failures import told_in_words

if TYPE_CHECKING:
    from demo.result import Result
    from demo.run import Addresses
    from shared.devstack.stack import Report, Stack

STATIONS = "stations"
"""The step and process of the simulated police stations."""


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object for programs.")] = False,
) -> None:
    """Work a real county for a month in a throw-away folder, show the result, stop everything.

    Exits 0 only if every reader applied exactly the facts that were published, both reports were closed, and every
    item got the answer it deserved. Progress goes to stderr, the result to stdout.
    """
    from demo.clients import Unexpected
    from demo.report import print_result
    from shared.devstack.interrupts import ends_like_ctrl_c

    with told_in_words(Unexpected), ends_like_ctrl_c():
        result = in_throw_away_folder(_work_once)
        if as_json:
            typer.echo(json.dumps(result.content, ensure_ascii=False))
        else:
            print_result(Console(), result)
    raise typer.Exit(0 if result.ok else 1)


def scheme_decisions() -> dict[str, str]:
    """What the environment of the services needs, so that they read what the demonstration decided."""
    from demo.loader import SCHEMES

    return {"CUNJING_SCHEMES_DIR": str(SCHEMES)}


def demo_steps() -> tuple[str, ...]:
    """What `work_stack` reports, in the order to show it."""
    from demo.run import STEPS

    return (STATIONS, *STEPS)


def work_stack(stack: "Stack", report: "Report") -> "Result":
    """Start the simulated stations beside a running stack and do the month's work; the stations stay up with it.

    The stack must run with `scheme_decisions()`. Everything is idempotent: again on the same data it adds nothing.
    """
    from demo.run import work_county

    report(STATIONS, "running", "")
    addresses = start_stations(stack)
    report(STATIONS, "done", addresses.stations)
    result = work_county(addresses, report)
    stack.processes.raise_failure()
    return result


def _work_once(folder: Path) -> "Result":
    from services.cli.laptop import laptop_stack
    from services.cli.progress import Progress

    progress = Progress(Console(stderr=True))
    stack = laptop_stack(folder, 0, progress.report, scheme_decisions())
    try:
        with progress.show([*stack.steps, *demo_steps()]):
            stack.up()
            return work_stack(stack, progress.report)
    finally:
        stack.down()
        stack.postgres.delete()  # its data may lie outside the folder


def start_stations(stack: "Stack") -> "Addresses":
    """The simulated stations as one more process of a running stack, and where everything is."""
    from demo.reports import new_secret
    from demo.run import Addresses
    from shared.devstack.ports import LOOPBACK, free_port
    from shared.devstack.processes import ProcessSpec

    assert stack.keys is not None
    services = {name: stack.plan.addresses()[f"{name} api"] for name in stack.plan.services}
    port, secret = free_port(), new_secret()
    url = f"http://{LOOPBACK}:{port}"
    calls = f"{services['intel']}/v1/station-callbacks"
    command = [sys.executable, "-m", "demo.station", "--port", str(port), "--callback-url", calls]
    environment = stack.environment() | {"STATION_SECRET": secret}
    stack.processes.start(ProcessSpec(STATIONS, command, environment, f"{url}/seen", restart=True))
    stack.processes.wait_ready()
    return Addresses(services, url, secret, stack.keys.private_key_path)


def in_throw_away_folder(work: "Callable[[Path], Result]") -> "Result":
    """Work in a folder that is gone afterwards; if it failed or its counts disagree the logs stay, for the reason."""
    folder = Path(tempfile.mkdtemp(prefix="cunjing-demo-"))
    folder.chmod(0o755)  # a database server that runs as a user of its own must get through
    keep_logs = False
    try:
        result = work(folder)
        keep_logs = not result.ok
    except Exception:
        keep_logs = True
        raise
    else:
        return result
    finally:
        if keep_logs:
            typer.echo(f"the logs are kept in {folder / 'logs'}", err=True)
        shutil.rmtree(folder / "kafka" if keep_logs else folder, ignore_errors=True)
