"""Where the databases are, for commands that need nothing else of a service."""

import os

import typer

from services.cli.names import SERVICES
from shared.settings import AN_EXAMPLE, SettingsError, has_example_secret


def database_url(service: str) -> str:
    """The address of a service's database for the service's own role."""
    return _address(service, "DATABASE_URL", "")


def owner_url(service: str) -> str:
    """The address of a service's database for the owner of its tables."""
    return _address(service, "OWNER_DATABASE_URL", " for its owner")


def known_url(service: str) -> str | None:
    """The address for the service's own role where it is set."""
    return os.environ.get(f"CUNJING_{service.upper()}_DATABASE_URL") or None


def _address(service: str, kind: str, whose: str) -> str:
    if service not in SERVICES:
        raise typer.BadParameter(f"no service {service!r}; there are {', '.join(SERVICES)}")
    variable = f"CUNJING_{service.upper()}_{kind}"
    if not (url := os.environ.get(variable)):
        raise SettingsError(f"{variable} is not set: the address of the database of {service}{whose}")
    if has_example_secret(url):
        raise SettingsError(f"{variable} {AN_EXAMPLE}")
    return url
