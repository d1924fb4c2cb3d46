"""Divisions beyond their state: import of a published file, and reading one with where its kind comes from."""

from __future__ import annotations

import io
from typing import Annotated

from fastapi import APIRouter, Body, Query
from starlette.requests import Request

from services.personnel.errors import BadDivisionFile
from services.personnel.routes.dependencies import Reader, Writer, whole_states
from services.personnel.rules.division_files import FileKind
from services.personnel.rules.divisions import padded
from services.personnel.schemas.answers import DivisionAnswer, ImportReport
from services.personnel.schemas.items import DivisionItem
from services.personnel.service.divisions import CHUNK, DivisionImport
from shared.contracts.personnel import DivisionV1
from shared.reference.states import from_columns
from shared.values import Day
from shared.web.divisions import DivisionCode
from shared.web.unit import UnitOfWork

router = APIRouter(prefix="/v1/divisions", tags=["divisions"])


@router.post("/imports")
async def import_divisions(
    kind: Annotated[FileKind, Query(description="which of the five published files")],
    valid_from: Annotated[Day, Query(description="first day of the codes that are new")],
    content: Annotated[bytes, Body(media_type="text/csv")],
    who: Writer,
    unit: UnitOfWork,
) -> ImportReport:
    """Import up to 5,000 rows of a division CSV with its header; whole files go through `cunjing import divisions`.

    All or nothing: 422 names the bad lines.
    """
    # Halves of broken characters are found row by row, so that the answer can name the line.
    lines = list(io.StringIO(content.decode("utf-8", errors="surrogateescape"), newline=""))
    if len(lines) > CHUNK + 1:
        raise BadDivisionFile(f"一次至多 {CHUNK} 行,请分批提交,或用 cunjing import divisions 导入整个文件")
    return await DivisionImport(unit, who).run(lines, kind, valid_from)


@router.get("/{code}")
async def read_division(code: DivisionCode, request: Request, who: Reader, unit: UnitOfWork) -> DivisionAnswer:
    """One division, by its code with or without padding; 404 outside the caller's jurisdiction."""
    row = await whole_states(request, unit, who).one(DivisionItem, padded(code))
    state = from_columns(DivisionV1, row)
    derived = state.village_kind != "none" and not state.kind_corrected
    return DivisionAnswer(**dict(state), kind_derived=derived)
