"""`cunjing dev-keys` and `cunjing token`: keys and tokens of a trial, for machines without an identity provider."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from shared.security.dev_issuer import ensure_dev_keys, ensure_encryption_keys, issue_token

EVERYTHING = (
    "personnel:read,personnel:write,personnel:bindings,personnel:erase,"
    "fieldwork:sync,fieldwork:verify,fieldwork:read,fieldwork:foreign-villages,"
    "scoring:read,scoring:own,scoring:recompute,intel:report,intel:read,intel:operate,intel:dispatch,"
    "ops,act-as,act-as:verify"
)


def dev_keys(
    folder: Annotated[Path, typer.Argument(help="Where the three key files go; made if missing.")],
) -> None:
    """Make the keys of a trial: issuer, its public JWKS, and the encryption keys. Keys that exist are kept."""
    ensure_dev_keys(folder)
    typer.echo(f"keys in {folder}")


def encryption_keys(
    folders: Annotated[list[Path], typer.Argument(help="Where the keys go, one folder for each service.")],
    owner: Annotated[int | None, typer.Option(help="Numeric user who may read them (in a container).")] = None,
) -> None:
    """Make the keys for the personal data of services, other ones in each folder. Keys that exist are kept."""
    for folder in folders:
        path = ensure_encryption_keys(folder)
        if owner is not None:
            os.chown(folder, owner, -1)
            os.chown(path, owner, -1)
        typer.echo(f"keys in {path}")


def token(
    division: Annotated[
        str, typer.Option(help="Jurisdiction: 2, 4, 6, 9 or 12 digits; empty is the whole nation.")
    ] = "",
    scopes: Annotated[str, typer.Option(help="Comma separated.")] = EVERYTHING,
    subject: Annotated[str, typer.Option(help="Whom the audit shall name.")] = "trial",
    officer: Annotated[UUID | None, typer.Option(help="Officer id, for /v1/me routes.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 30, help="How long it is good.")] = 12,
    keys: Annotated[Path, typer.Option(help="Folder of the trial keys (of `make run` by default).")] = Path(
        ".cunjing/keys"
    ),
) -> None:
    """Print a token of the trial issuer.

    Example: curl -H "Authorization: Bearer $(cunjing token --division 411622)" http://127.0.0.1:8103/v1/scoreboard?...
    """
    pem = keys / "issuer.pem"
    if not pem.exists():
        typer.echo(f"no keys in {keys}: start `make run` first, or run `cunjing dev-keys {keys}`", err=True)
        raise typer.Exit(1)
    said = issue_token(
        pem,
        subject=subject,
        scopes=scopes.split(","),
        division=division,
        officer_id=officer,
        ttl=timedelta(hours=hours),
    )
    typer.echo(said)
