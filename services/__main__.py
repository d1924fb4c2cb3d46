"""The command line `cunjing`."""

import typer

from services.cli.clean import clean_data
from services.cli.demo import demo
from services.cli.keys import dev_keys, encryption_keys, token
from services.cli.late import OPERATE, LateGroup
from services.cli.migrate import migrate
from services.cli.names import SERVICES
from services.cli.service import service_commands
from services.cli.topics import topics
from services.cli.up import run, up

_LAPTOP = "On one machine"
_SERVICES = "One process of one service"

app = typer.Typer(
    name="cunjing",
    cls=LateGroup,
    help="""村警: who covers which village, what was done, what it is worth, and what must reach the police station.

    To look at it: `cunjing run` starts everything on this machine and works a county. To deploy it: `cunjing migrate`
    and `cunjing topics` once per release, then an `api` and a `worker` process for each service. Settings come from
    the environment; every command says which it misses.
    """,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command(rich_help_panel=_LAPTOP)(run)
app.command(rich_help_panel=_LAPTOP)(demo)
app.command(rich_help_panel=_LAPTOP)(up)
app.command(name="clean-data", rich_help_panel=_LAPTOP)(clean_data)
app.command(rich_help_panel=_LAPTOP)(token)
app.command(name="dev-keys", rich_help_panel=_LAPTOP)(dev_keys)
app.command(rich_help_panel=OPERATE)(migrate)
app.command(rich_help_panel=OPERATE)(topics)
app.command(name="encryption-keys", rich_help_panel=OPERATE)(encryption_keys)
for name, owns in SERVICES.items():
    app.add_typer(service_commands(name, owns), name=name, rich_help_panel=_SERVICES)

if __name__ == "__main__":
    app(prog_name="cunjing")
