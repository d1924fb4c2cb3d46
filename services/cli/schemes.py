"""`cunjing schemes`: check the scheme files, show what a scheme says and leaves open, write their JSON Schemas."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from services.cli.details import faults_of_details
from services.cli.failures import told_in_words
from services.fieldwork.scheme import FieldworkScheme
from services.intel.playbook import Playbook
from services.personnel.scheme import PersonnelScheme
from services.scoring.rubric import Rubric
from services.scoring.service.days_off import faults_of_days_off
from shared.schemes import Finding, SchemeError, Sourced, scheme_ids
from shared.schemes.checks import check_schemes
from shared.schemes.head import SchemeHead
from shared.schemes.loader import content_version, read_scheme, validate
from shared.schemes.sourced import sourced_values

app = typer.Typer(help="Schemes: check, show, JSON Schemas for editors.", no_args_is_help=True)

MODELS: Mapping[str, type[BaseModel]] = {
    "scheme": SchemeHead,
    "personnel": PersonnelScheme,
    "fieldwork": FieldworkScheme,
    "scoring": Rubric,
    "intel": Playbook,
}

OverrideDir = Annotated[
    Path | None,
    typer.Option("--dir", envvar="CUNJING_SCHEMES_DIR", help="Folder of your own decisions over the presets."),
]


@app.command()
def check(override_dir: OverrideDir = None) -> None:
    """Load every part of every scheme as its service does; exit 1 with file, line and rule of every fault."""
    findings = [*check_schemes(MODELS, override_dir), *faults_of_days_off(override_dir)]
    findings += [] if findings else faults_between_parts(override_dir)
    if findings:
        Console(soft_wrap=True).print(_faults(findings))
        raise typer.Exit(1)
    for scheme_id in scheme_ids(override_dir):
        typer.echo(f"{scheme_id}: in order, version {content_version(read_scheme(scheme_id, override_dir))[:12]}")


def faults_between_parts(override_dir: Path | None) -> list[Finding]:
    """What does not fit between the parts of a scheme, each in order by itself."""
    documents = (read_scheme(scheme_id, override_dir) for scheme_id in scheme_ids(override_dir))
    return sorted(finding for parts in documents for finding in faults_of_details(parts))


@app.command()
def show(scheme_id: str, override_dir: OverrideDir = None) -> None:
    """Show a scheme's open points and the decisions taken over it."""
    with told_in_words(SchemeError):
        documents = read_scheme(scheme_id, override_dir)
        parts = {part: validate(document, MODELS[part]) for part, document in documents.items()}
    typer.echo(f"{scheme_id}, version {content_version(documents)}")
    table = Table("part", "value", "rule", "status", "says", "by")
    for part, content in parts.items():
        for path, value in sourced_values(content):
            if value.status != "literal" or value.decided:
                table.add_row(part, path, value.source, value.status, _says(value), _by(value))
    Console(soft_wrap=True).print(table)


@app.command("json-schema")
def json_schema(out: Annotated[Path, typer.Option(help="Folder to write one file per part into.")]) -> None:
    """Write the JSON Schema of each part, so that an editor completes and checks the YAML."""
    out.mkdir(parents=True, exist_ok=True)
    for part, model in MODELS.items():
        (out / f"{part}.json").write_text(schema_text(model), encoding="utf-8")
        typer.echo(str(out / f"{part}.json"))


def schema_text(model: type[BaseModel]) -> str:
    """Write the JSON Schema of one part as it is kept beside the presets."""
    return json.dumps(model.model_json_schema(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _faults(findings: Sequence[Finding]) -> Table:
    table = Table("file", "line", "rule", "message")
    for finding in findings:
        table.add_row(str(finding.file), str(finding.line), finding.rule, finding.message)
    return table


def _says(value: Sourced[Any]) -> str:
    if value.status == "undecided":
        return f"{value.question}({value.who_decides})"
    return f"{value.value}: {value.reading}" if value.reading else str(value.value)


def _by(value: Sourced[Any]) -> str:
    return f"{value.decided_by} {value.decided_on}: {value.basis}" if value.decided else ""
