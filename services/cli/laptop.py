"""The stack of this project on one machine, for `up`, `clean-data` and the demo."""

import sys
from collections.abc import Mapping
from pathlib import Path

from services.cli.names import SERVICES
from shared.devstack.plan import StackPlan
from shared.devstack.stack import Report, Stack


def project_folder() -> Path:
    """Where `make run` keeps its data: `.cunjing` in the current folder."""
    return Path.cwd() / ".cunjing"


def laptop_stack(folder: Path, base_port: int, report: Report, extra: Mapping[str, str] | None = None) -> Stack:
    """The four services with PostgreSQL and Kafka; `extra` is added to the environment of every process."""
    plan = StackPlan.at(base_port, [sys.executable, "-m", "services"], list(SERVICES), extra)
    return Stack(folder, plan, report)
