"""`cunjing audit`: heads, checks and exports, as an operator runs them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.__main__ import app
from shared.audit.chain import BEGINNING
from shared.audit.sealer import last_seal
from shared.database.roles import owner_address
from shared.database.unit import Database
from tests.audit.support import Audited

Run = Callable[..., Awaitable[Result]]
TODAY = ("--from", "2020-01-01", "--to", "2100-01-01")


@pytest.fixture
def run(audited: Audited, keeper: Database) -> Run:
    """Runs `cunjing audit …` where personnel's and fieldwork's databases are known, and intel's is not."""
    environment = {
        "CUNJING_PERSONNEL_DATABASE_URL": audited.database.url,
        "CUNJING_PERSONNEL_OWNER_DATABASE_URL": owner_address(audited.database.url),
        "CUNJING_FIELDWORK_DATABASE_URL": keeper.url,
        "LOGNAME": "operator",
    }

    async def invoke(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, app, ["audit", *arguments], env=environment)

    return invoke


async def _age(audited: Audited, days: int, upto: int) -> None:
    await audited.tamper(
        f"UPDATE audit_seal SET sealed_at = now() - interval '{days} days' WHERE position <= {upto}",
    )


def _exported(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


async def test_the_head_that_is_printed_can_be_checked_against(audited: Audited, run: Run) -> None:
    assert (await run("head", "personnel")).stdout == "personnel no row\n"
    await audited.act("1", "2")
    await audited.seal()
    async with audited.database.engine.connect() as connection:
        seal = await last_seal(connection)
    assert seal
    printed = (await run("head", "personnel")).stdout.split()
    assert printed[:3] == ["personnel", f"2:{seal.hash}", "sealed"]
    intact = await run("verify", "personnel", "--head", printed[1])
    assert intact.exit_code == 0
    assert "2 rows sealed, 0 not yet; fieldwork: 0 heads, intel: not asked" in intact.stdout
    assert "unprotected are 0 rows" in intact.stdout
    await audited.tamper("DELETE FROM audit_seal WHERE position = 2", "DELETE FROM audit WHERE id = 2")
    cut = await run("verify", "personnel", "--head", printed[1])
    assert (cut.exit_code, cut.stderr[:9]) == (1, "tail cut:")


async def test_what_is_not_a_head_and_whose_address_is_missing_is_told(run: Run) -> None:
    assert "ROWS:HASH" in (await run("verify", "personnel", "--head", "12")).stderr
    assert "CUNJING_SCORING_DATABASE_URL is not set" in (await run("verify", "scoring")).stderr


async def test_an_export_has_rows_and_seals_and_is_audited(audited: Audited, run: Run, tmp_path: Path) -> None:
    await audited.act("1", "2")
    await audited.seal()
    file = tmp_path / "audit.jsonl"
    assert (await run("export", "personnel", *TODAY, "--out", str(file))).exit_code == 0
    told = _exported(file)
    assert [(line["place"], line["row"]["object"]) for line in told] == [(1, "1"), (2, "2")]
    hashes = await audited.rows("SELECT hash FROM audit_seal ORDER BY position")
    assert [line["hash"] for line in told] == [row.hash for row in hashes] != [BEGINNING] * 2
    [noted] = await audited.rows("SELECT subject, object FROM audit WHERE action = 'audit.export'")
    assert tuple(noted) == ("cli:operator", "1 to 2")
    again = await run("export", "personnel", *TODAY, "--out", str(file))
    assert again.exit_code == 2
    assert len(_exported(file)) == 2


async def test_rows_go_180_days_after_they_were_sealed_and_the_rest_stays_provable(
    audited: Audited, run: Run, tmp_path: Path
) -> None:
    await audited.act(*"123456")
    await audited.seal()
    await _age(audited, 179, 5)
    await _age(audited, 181, 3)
    export = ("export", "personnel", *TODAY, "--prune", "--out")
    assert "removed places 1 to 3" in (await run(*export, str(tmp_path / "one"))).stdout
    await audited.seal()
    assert await audited.sealed() == ["4", "5", "6", "1 to 6", "3"]
    checked = await run("verify", "personnel")
    assert checked.exit_code == 0
    assert "rows up to place 3 were exported and removed on" in checked.stdout
    await audited.tamper("DELETE FROM audit WHERE object = '4'")
    assert "deleted: row 4 (place 4" in (await run("verify", "personnel")).stderr


async def test_what_was_not_exported_stays(audited: Audited, run: Run, tmp_path: Path) -> None:
    await audited.act("old")
    await audited.tamper("UPDATE audit SET at = '2026-01-01T00:00:00Z'")
    await audited.act("newer")
    await audited.seal()
    await _age(audited, 200, 2)
    later = ("export", "personnel", "--from", "2026-01-02", "--to", "2100-01-01", "--prune")
    assert "none of them may go yet" in (await run(*later, "--out", str(tmp_path / "one"))).stdout
    first = ("export", "personnel", "--from", "2026-01-01", "--to", "2026-01-01", "--prune")
    assert "removed places 1 to 1" in (await run(*first, "--out", str(tmp_path / "two"))).stdout
    assert "removed places 2 to 2" in (await run(*later, "--out", str(tmp_path / "three"))).stdout


async def test_rows_that_others_know_to_be_younger_were_not_removed_by_the_rule(
    audited: Audited, keeper: Database, run: Run, tmp_path: Path
) -> None:
    """A superuser makes the seals look old, and has what he wants to hide removed in the ordinary way."""
    await audited.act("1", "2")
    await audited.seal()
    [seal] = await audited.rows("SELECT hash FROM audit_seal WHERE position = 2")
    async with keeper.engine.begin() as connection:
        await connection.exec_driver_sql(
            f"INSERT INTO audit_head VALUES ('personnel', '{seal.hash}', '2026-10-01', 2, now())"
        )
    await _age(audited, 181, 2)
    export = ("export", "personnel", *TODAY, "--prune", "--out", str(tmp_path / "out"))
    assert "removed places 1 to 2" in (await run(*export)).stdout
    checked = await run("verify", "personnel")
    assert (checked.exit_code, checked.stderr.split(":")[0]) == (1, "removed early")
