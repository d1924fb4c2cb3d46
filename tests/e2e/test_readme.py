"""Every command of the README's "Try it" runs as it is written, against a running county."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from demo.result import Result
from tests.e2e.conftest import County

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
PORTS = {"8101": "personnel", "8102": "fieldwork", "8103": "scoring", "8104": "intel"}
SET_UP, *EXAMPLES = BLOCKS


@pytest.fixture(scope="module")
def folder(county: County, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout as the README knows it: the command line and the keys of `make run` at their places."""
    place = tmp_path_factory.mktemp("readme")
    (place / ".cunjing").symlink_to(county.stack.folder)
    (place / ".venv").symlink_to(ROOT / ".venv")
    return place


def test_the_readme_has_examples() -> None:
    assert len(EXAMPLES) >= 6
    assert all("curl" in block for block in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_answers(county: County, result: Result, folder: Path, example: str) -> None:
    script = SET_UP + example
    for port, service in PORTS.items():
        script = script.replace(f"http://127.0.0.1:{port}", county.at.services[service])
    done = subprocess.run(
        ["bash", "-ec", script], cwd=folder, env={**os.environ, "NO_PROXY": "*"}, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer
    assert "code" not in answer, answer
