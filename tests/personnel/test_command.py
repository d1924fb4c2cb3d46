from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner, Result

from services.cli.imports import app
from tests.personnel.support import DEMO_DIVISIONS, Personnel

HEADER = "code,name\n"


async def run(url: str, file: Path, kind: str) -> Result:
    """The command in a thread, for it starts a loop of its own."""
    arguments = ["divisions", str(file), "--kind", kind, "--valid-from", "2023-06-30"]
    env = {"CUNJING_PERSONNEL_DATABASE_URL": url}
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=env)


async def test_a_compressed_file_is_imported_as_published(empty: Personnel, tmp_path: Path) -> None:
    file = tmp_path / "provinces.csv.gz"
    file.write_bytes(gzip.compress((DEMO_DIVISIONS / "provinces.csv").read_bytes()))

    first, again = await run(empty.database.url, file, "provinces"), await run(empty.database.url, file, "provinces")

    assert '"created":1' in first.stdout
    assert '"unchanged":1' in again.stdout
    assert [fact["code"] for fact in await empty.facts("personnel.division")] == ["410000000000"]
    (who, _) = await empty.rows("SELECT subject FROM audit")
    assert who["subject"].startswith("cli:")


async def test_a_bad_row_is_named_and_nothing_is_kept(empty: Personnel, tmp_path: Path) -> None:
    file = tmp_path / "provinces.csv"
    file.write_text(f"{HEADER}41,河南省\n4x,错\n", encoding="utf-8")

    result = await run(empty.database.url, file, "provinces")

    assert result.exit_code == 1
    assert "第 3 行:code 应为 2 位数字" in result.stderr
    assert await empty.rows("SELECT 1 FROM division") == []


async def test_a_cut_off_file_is_told_in_words(empty: Personnel, tmp_path: Path) -> None:
    file = tmp_path / "provinces.csv.gz"
    file.write_bytes(gzip.compress(f"{HEADER}41,河南省\n".encode())[:-9])

    result = await run(empty.database.url, file, "provinces")

    assert (result.exit_code, "Traceback" in result.stderr) == (1, False)
    assert await empty.rows("SELECT 1 FROM division") == []


async def test_a_damaged_file_is_told_in_words(empty: Personnel, tmp_path: Path) -> None:
    file = tmp_path / "provinces.csv.gz"
    file.write_bytes(gzip.compress(b"")[:10] + b"\xff" * 20)

    result = await run(empty.database.url, file, "provinces")

    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "decompressing" in result.stderr


async def test_a_database_without_tables_is_told_in_words(make_database: Callable[[], str], tmp_path: Path) -> None:
    file = tmp_path / "provinces.csv"
    file.write_text(f"{HEADER}41,河南省\n", encoding="utf-8")

    result = await run(make_database(), file, "provinces")

    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "run `cunjing migrate personnel`" in result.stderr


async def test_a_database_that_lets_nobody_in_is_told_in_words(empty: Personnel, tmp_path: Path) -> None:
    file = tmp_path / "provinces.csv"
    file.write_text(HEADER, encoding="utf-8")

    result = await run(empty.database.url.replace("/test_", "/nowhere_"), file, "provinces")

    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
