"""Every command of the README's "Try it" runs as it is written, against a running county."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from demo.result import Result
from tests.e2e.conftest import County

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
PORTS = {"8101": "personnel", "8102": "fieldwork", "8103": "scoring", "8104": "intel"}
SET_UP, *EXAMPLES = BLOCKS
ROUTES = {re.findall(r"/v1/(\w+)", example)[0]: example for example in EXAMPLES}
SHOWS = {"coverage": "gaps", "scoreboard": "items", "changes": "items", "reports": "items", "flow": "published"}
"""What a newcomer is promised to see."""

Ask = Callable[[str], Any]


@pytest.fixture(scope="module")
def ask(county: County, result: Result, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Runs an example in a checkout as the README knows it: command line and keys of `make run` at their places."""
    place = tmp_path_factory.mktemp("readme")
    (place / ".cunjing").symlink_to(county.stack.folder)
    (place / ".venv").symlink_to(ROOT / ".venv")
    environment = {**os.environ, "NO_PROXY": "*"}

    def run(script: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", script], cwd=place, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    environment["AUTH"] = run(f'{SET_UP}printf "%s" "$AUTH"')

    def answer(route: str) -> Any:
        script = ROUTES[route]
        for port, service in PORTS.items():
            script = script.replace(f"http://127.0.0.1:{port}", county.at.services[service])
        return json.loads(run(script))

    return answer


def test_the_readme_shows_every_service() -> None:
    assert ROUTES.keys() == {*SHOWS, "sync"}
    assert set(re.findall(r"127\.0\.0\.1:(\d+)", "".join(EXAMPLES))) == PORTS.keys()


@pytest.mark.parametrize("route", SHOWS)
def test_an_example_shows_what_it_promises(ask: Ask, route: str) -> None:
    answer = ask(route)
    assert answer.get(SHOWS[route]), answer


def test_the_first_post_is_taken_in_and_the_same_again_is_a_duplicate(ask: Ask) -> None:
    first, again = ask("sync")["items"], ask("sync")["items"]
    assert [item["outcome"] for item in (*first, *again)] == ["created", "duplicate"], first
