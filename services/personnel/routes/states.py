"""The same four routes for everything that is kept as a whole state: put one, put many, read one, read a page."""

# No `from __future__ import annotations`: the routes are made per kind, and FastAPI must see each kind's own types.

from collections.abc import Mapping
from itertools import count
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from services.personnel.errors import IdMismatch
from services.personnel.routes.dependencies import Binder, Reader, Writer, whole_states
from services.personnel.rules.divisions import padded
from services.personnel.schemas.answers import Batch, Outcome, Outcomes
from services.personnel.schemas.items import ITEMS, BindingItem, DivisionItem, Item, OfficerItem
from services.personnel.service.states import Result
from shared.reference.states import from_columns
from shared.web.divisions import AskedDivision
from shared.web.pages import Page, PageCursor, PageLimit, decode_cursor, encode_cursor
from shared.web.problems import InvalidRequest, Problem, problem_response
from shared.web.unit import UnitOfWork
from shared.web.validation import fault_list

PARTLY = 207
CREATED = 201


def _routes(kind: type[Item]) -> APIRouter:
    router = APIRouter(prefix=f"/v1/{kind.PLURAL}", tags=[kind.PLURAL])
    _write_routes(router, kind)
    _page_route(router, kind)
    if kind not in (OfficerItem, DivisionItem):  # they answer more than their state, from routes of their own
        _read_route(router, kind)
    return router


def _write_routes(router: APIRouter, kind: type[Item]) -> None:
    body: Any = kind
    by: Any = Binder if kind is BindingItem else Writer  # which scheme applies is no clerk's to say

    @router.put("", name=f"put {kind.PLURAL}", response_model_exclude_none=True)
    async def put_many(batch: Batch, request: Request, response: Response, who: by, unit: UnitOfWork) -> Outcomes:
        """Store up to 500 states. 207 when some were refused; the others are kept."""
        parsed = [_parse(kind, item) for item in batch.items]
        good = [item for item in parsed if isinstance(item, Item)]
        results = iter(await whole_states(request, unit, who).put(kind, good))
        told = [item if isinstance(item, Problem) else next(results) for item in parsed]
        if any(isinstance(result, Problem) for result in told):
            response.status_code = PARTLY
        # An item that could not be read is told by its place: its id may be anything, and is not repeated.
        keys = [item.stream_key if isinstance(item, Item) else None for item in parsed]
        return Outcomes(items=[_outcome(*one) for one in zip(count(), keys, told, strict=False)])

    @router.put("/{id}", name=f"put one of {kind.PLURAL}", response_model=Outcome, response_model_exclude_none=True)
    async def put_one(
        id: str, item: Annotated[body, Body()], request: Request, response: Response, who: by, unit: UnitOfWork
    ) -> Any:
        """Store one whole state; the same content again changes nothing and publishes nothing."""
        if item.stream_key != _key_text(kind, id):
            raise IdMismatch(f"内容中的 {kind.KEY} 应与地址一致")
        (result,) = await whole_states(request, unit, who).put(kind, [item])
        if isinstance(result, Problem):
            return problem_response(result)  # raised, it would take its line in the audit back with it
        response.status_code = CREATED if result == "created" else response.status_code
        return _outcome(None, item.stream_key, result)


def _page_route(router: APIRouter, kind: type[Item]) -> None:
    state: Any = kind.FACT
    key_type: Any = str if kind is DivisionItem else UUID

    @router.get("", name=f"page of {kind.PLURAL}", response_model=Page[state])
    async def page(
        division: AskedDivision,
        request: Request,
        who: Reader,
        unit: UnitOfWork,
        after: PageCursor = None,
        limit: PageLimit = 100,
    ) -> Page[Any]:
        """States inside a division, ordered by id."""
        position = decode_cursor(after, key_type) if after else None
        states = await whole_states(request, unit, who).page(kind, division, position, limit + 1)
        more = len(states) > limit
        return Page(items=states[:limit], next=encode_cursor(states[limit - 1].stream_key) if more else None)


def _read_route(router: APIRouter, kind: type[Item]) -> None:
    @router.get("/{id}", name=f"one of {kind.PLURAL}", response_model=kind.FACT)
    async def read(id: UUID, request: Request, who: Reader, unit: UnitOfWork) -> Any:
        """One state; 404 outside the caller's jurisdiction."""
        return from_columns(kind.FACT, await whole_states(request, unit, who).one(kind, id))


def _parse(kind: type[Item], raw: Mapping[str, Any]) -> Item | Problem:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        return InvalidRequest(f"共 {len(faults)} 处需要修改,见 errors", errors=fault_list(faults))


def _key_text(kind: type[Item], id: str) -> str:
    return padded(id) if kind is DivisionItem else id.lower()


def _outcome(index: int | None, id: str | None, result: Result) -> Outcome:
    if isinstance(result, Problem):
        return Outcome(index=index, id=id, outcome="rejected", problem=result.as_dict())
    return Outcome(index=index, id=id, outcome=result)


ROUTERS = tuple(_routes(kind) for kind in ITEMS)
