"""`cunjing <service> api` and `cunjing <service> worker`."""

import gc
import importlib
import os
from importlib.util import find_spec
from typing import Any

import typer

from services.cli.failures import told_in_words
from shared.settings import ServiceSettings

YIELDS = 10
"""An API gives way to the workers of its machine: what was accepted goes on before more is accepted."""


def service_commands(service: str, owns: str) -> typer.Typer:
    """The commands of one service; its code is imported only when one of them runs."""
    commands = typer.Typer(help=owns, no_args_is_help=True)

    @commands.command()
    def api() -> None:
        """Serve the HTTP API until SIGTERM."""
        import uvicorn

        from shared.web.server import BoundedHeads

        settings = _settings(service)
        with told_in_words():
            app = app_module(service).create_app(settings)
        collect_less()
        os.nice(YIELDS)
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=BoundedHeads,
            access_log=False,
            timeout_keep_alive=75,  # longer than gateways keep theirs: the side that sends should close first
            log_config=None,
        )

    @commands.command()
    def worker() -> None:
        """Publish and consume facts and run the timers. Safe to kill at any moment: start it again."""
        import uvloop

        settings = _settings(service)
        with told_in_words():
            background = app_module(service).create_worker(settings)
        collect_less()
        uvloop.run(background.run())

    return commands


def settings_class(service: str) -> type[ServiceSettings]:
    """The service's own settings class, where it has one."""
    own = f"services.{service}.settings"
    if find_spec(own) is None:
        return ServiceSettings
    found: type[ServiceSettings] = getattr(importlib.import_module(own), f"{service.capitalize()}Settings")
    return found


def _settings(service: str) -> ServiceSettings:
    from shared.observability.logs import configure_logging

    with told_in_words():
        settings = settings_class(service).of(service)
    configure_logging(service, settings.log_level)
    return settings


def collect_less() -> None:
    """A batch makes thousands of objects that all die with it: looking through the old ones each time finds nothing."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def app_module(service: str) -> Any:
    """The service's composition root."""
    return importlib.import_module(f"services.{service}.app")
