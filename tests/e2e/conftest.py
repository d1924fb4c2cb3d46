"""The whole county at a fiftieth of its work, on the stack that `make run` starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.clients import Api
from demo.county import COUNTY
from demo.flow import CountCheck, until_quiet
from demo.loader import SCHEME
from demo.month import MONTH
from demo.result import PLACES, Result
from demo.run import Addresses, run
from services.cli.demo import scheme_decisions, start_stations
from services.cli.laptop import laptop_stack
from shared.devstack.stack import Stack
from shared.security.dev_issuer import issue_token

SCALE = 0.02
EVERY_SCOPE = (
    *("personnel:read", "personnel:write", "personnel:bindings", "personnel:erase"),
    *("fieldwork:sync", "fieldwork:verify", "fieldwork:read", "scoring:read", "intel:dispatch"),
    *("scoring:own", "scoring:recompute"),
    *("fieldwork:foreign-villages", "intel:report", "intel:read", "intel:operate", "ops", "act-as", "act-as:verify"),
)


@dataclass(frozen=True)
class County:
    """A running stack with its simulated stations."""

    stack: Stack
    at: Addresses

    def work(self) -> Result:
        """Load the county and work its month; again on the same data it adds nothing."""
        return asyncio.run(run(self.at, lambda *_: None, SCALE))

    def settle(self) -> CountCheck:
        """Wait until every reader has applied every fact and every sheet is computed."""
        return asyncio.run(self._settle())

    def scoreboard(self) -> Any:
        """As the result of the demonstration shows it."""
        of_month = {"division": COUNTY, "period": MONTH, "scheme": SCHEME, "places": str(PLACES)}
        with self.client("scoring") as scoring:
            return scoring.get("/v1/scoreboard/summary", params=of_month).json()

    def client(self, service: str, division: str = COUNTY, token: str | None = None) -> httpx.Client:
        """A client of one service, with every scope in a division unless it is given a token."""
        headers = {"Authorization": f"Bearer {token or self._token(division)}"}
        return httpx.Client(base_url=self.at.services[service], headers=headers, trust_env=False)

    def api(self, service: str) -> Api:
        """The demonstration's own client of one service, with every scope in the whole nation."""
        return Api(self.at.services[service], self._token(""))

    async def _settle(self) -> CountCheck:
        async with AsyncExitStack() as stack:
            return await until_quiet(
                {name: await stack.enter_async_context(self.api(name)) for name in self.at.services}
            )

    def _token(self, division: str) -> str:
        return issue_token(self.at.issuer_key, subject="e2e", scopes=EVERY_SCOPE, division=division)


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
