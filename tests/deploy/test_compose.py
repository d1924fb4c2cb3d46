"""What the containers of `deploy/docker-compose.yml` are given, and which secrets stop them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from services.__main__ import app
from shared.contracts.registry import SERVICES

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "docker-compose.yml")
PASSWORDS = {"POSTGRES_PASSWORD", "OWNER_PASSWORD", *(f"{service.upper()}_PASSWORD" for service in SERVICES)}
PROCESSES = [(service, role) for service in SERVICES for role in ("api", "worker")]


def example() -> dict[str, str]:
    lines = (DEPLOY / "env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def told(container: str) -> str:
    """Everything in a container's environment, with the variables it is made of."""
    return "\n".join(f"{name}={value}" for name, value in COMPOSE["services"][container].get("environment", {}).items())


@pytest.mark.parametrize(("service", "role"), PROCESSES)
def test_a_process_has_its_own_password_and_its_own_keys_only(service: str, role: str) -> None:
    container = f"{service}-{role}"
    assert set(re.findall(r"\w+_PASSWORD", told(container))) == {f"{service.upper()}_PASSWORD"}
    mounted = {volume.split(":")[0] for volume in COMPOSE["services"][container]["volumes"]}
    assert mounted == {f"{service}-keys", "trial", "./idp", "./schemes"}
    assert all(volume.endswith(":ro") for volume in COMPOSE["services"][container]["volumes"])


def test_only_the_jobs_before_the_processes_see_more_passwords() -> None:
    seeing = {name for name in COMPOSE["services"] if len(set(re.findall(r"\w+_PASSWORD", told(name)))) > 1}
    assert seeing == {"secrets", "postgres", "migrate"}


def test_the_trial_issuer_is_there_only_when_asked_for() -> None:
    assert {name for name, made in COMPOSE["services"].items() if made.get("profiles") == ["trial"]} == {"trial-issuer"}
    private = {name for name, made in COMPOSE["services"].items() if "trial-issuer:" in str(made.get("volumes"))}
    assert private == {"trial-issuer"}
    assert COMPOSE["services"]["migrate"]["depends_on"]["trial-issuer"]["required"] is False


def check(**secrets: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(DEPLOY / "check-secrets.sh")], env=secrets, capture_output=True, text=True, check=False
    )


def test_a_start_with_an_example_secret_is_refused_by_name() -> None:
    assert {name for name, value in example().items() if value.startswith("changeme")} == PASSWORDS
    good = dict.fromkeys(PASSWORDS, "q7Rz")
    assert check(**good).returncode == 0
    for name in PASSWORDS:
        refused = check(**{**good, name: example()[name]})
        assert (refused.returncode, refused.stderr.split()[0]) == (1, name)
    assert set(COMPOSE["services"]["secrets"]["environment"]) == PASSWORDS
    assert "secrets" in COMPOSE["services"]["postgres"]["depends_on"]


def test_migrating_with_an_example_secret_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUNJING_INTEL_OWNER_DATABASE_URL", "postgresql+asyncpg://x:changeme0@nowhere/x")
    refused = CliRunner().invoke(app, ["migrate", "intel"])
    assert refused.exit_code == 1
    assert "CUNJING_INTEL_OWNER_DATABASE_URL" in refused.output
    assert "changeme0" not in refused.output


def test_each_service_gets_keys_of_its_own_once(tmp_path: Path) -> None:
    folders = [str(tmp_path / service) for service in SERVICES]
    made = [_made_keys(folders) for _ in range(2)]
    assert made[0] == made[1]
    assert len(set(made[0])) == len(SERVICES)


def _made_keys(folders: list[str]) -> list[bytes]:
    assert CliRunner().invoke(app, ["encryption-keys", *folders]).exit_code == 0
    return [(Path(folder) / "encryption-keys.json").read_bytes() for folder in folders]
