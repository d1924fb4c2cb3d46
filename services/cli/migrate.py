"""`cunjing migrate`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from services.cli.addresses import owner_url
from services.cli.failures import told_in_words
from services.cli.names import SERVICES


def migrations_of(service: str) -> Path:
    """The folder of a service's migrations."""
    return Path(__file__).resolve().parents[1] / service / "migrations"


def migrate(
    services: Annotated[
        list[str] | None, typer.Argument(help=f"Any of {', '.join(SERVICES)}; all of them when none is named.")
    ] = None,
) -> None:
    """Bring the databases to the newest schema. Does nothing to one that is there already.

    Reads `CUNJING_<SERVICE>_OWNER_DATABASE_URL` of each service: tables belong to `<role>_owner`, not to the role that
    the service's processes work as.
    """
    with told_in_words():
        addresses = {service: owner_url(service) for service in services or SERVICES}
    with told_in_words(OSError, DBAPIError):
        asyncio.run(_migrate_all(addresses))


async def _migrate_all(addresses: dict[str, str]) -> None:
    from shared.database.migrate import migrate as migrate_database

    for service, url in addresses.items():
        revision = await migrate_database(url, migrations_of(service))
        typer.echo(f"{service}: {revision}")
