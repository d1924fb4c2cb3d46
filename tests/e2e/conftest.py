"""The whole county at a fiftieth of its work, on the stack that `make run` starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from demo.result import Result
from demo.run import Addresses, run
from services.cli.demo import scheme_decisions, start_stations
from services.cli.laptop import laptop_stack
from shared.devstack.stack import Stack
from shared.security.dev_issuer import issue_token

SCALE = 0.02
EVERY_SCOPE = (
    *("personnel:read", "personnel:write", "fieldwork:sync", "fieldwork:verify", "fieldwork:read", "scoring:read"),
    *("intel:report", "intel:read", "intel:operate", "ops", "act-as"),
)


@dataclass(frozen=True)
class County:
    """A running stack with its simulated stations."""

    stack: Stack
    at: Addresses

    def work(self) -> Result:
        """Load the county and work its month; again on the same data it adds nothing."""
        return asyncio.run(run(self.at, lambda *_: None, SCALE))

    def client(self, service: str, division: str = "411622") -> httpx.Client:
        """A client of one service, with every scope in a division."""
        pem = self.at.issuer_key
        token = issue_token(pem, subject="e2e", scopes=EVERY_SCOPE, division=division)
        return httpx.Client(base_url=self.at.services[service], headers={"Authorization": f"Bearer {token}"})


@contextmanager
def running_county(folder: Path) -> Iterator[County]:
    stack = laptop_stack(folder, 0, lambda *_: None, scheme_decisions())
    try:
        stack.up()
        yield County(stack, start_stations(stack))
    finally:
        stack.down()
        stack.delete()


@pytest.fixture(scope="session")
def new_county(stack_folder: Path) -> Callable[[str], AbstractContextManager[County]]:
    """Starts a county of its own under a name."""
    stack_folder.chmod(0o755)
    return lambda name: running_county(stack_folder / name)


@pytest.fixture(scope="session")
def county(new_county: Callable[[str], AbstractContextManager[County]]) -> Iterator[County]:
    with new_county("county") as running:
        yield running


@pytest.fixture(scope="session")
def result(county: County) -> Result:
    """What a calm month gives."""
    return county.work()
