"""Groups of commands whose code is imported only when one of them is used: a service process needs none of it."""

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

OPERATE = "Deploy and operate"
LATE = {
    "import": "services.cli.imports",
    "schemes": "services.cli.schemes",
    "dead-letters": "services.cli.dead_letters",
    "streams": "services.cli.streams",
    "outbox": "services.cli.outbox",
    "audit": "services.cli.audit",
}
"""Name of the group, and the module whose `app` it is."""


class LateGroup(TyperGroup):
    """The group at the top, with those of `LATE` after its own."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every name, as the help shows them."""
        return [*super().list_commands(ctx), *LATE]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the module of a late group the first time it is asked for."""
        if cmd_name not in LATE:
            return super().get_command(ctx, cmd_name)
        group = typer.main.get_group(importlib.import_module(LATE[cmd_name]).app)
        group.name, group.rich_help_panel = cmd_name, OPERATE
        return group
