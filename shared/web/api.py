"""One factory for the HTTP side of every service."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, cast

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from shared.database.unit import Database
from shared.security.tokens import TokenVerifier
from shared.settings import ServiceSettings
from shared.web.context import RequestContext
from shared.web.docs import docs_router, mount_assets
from shared.web.doors import Doors
from shared.web.edge import Edge
from shared.web.operations import OPERATIONS, Check, operations_router
from shared.web.problems import (
    MEDIA_TYPE,
    Internal,
    MalformedJson,
    MethodNotAllowed,
    NotFound,
    Problem,
    problem_response,
)
from shared.web.refusals import Refusals
from shared.web.validation import on_invalid_request

_log = structlog.get_logger(__name__)

Background = Callable[[], AbstractAsyncContextManager[None]]

_PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_PROBLEM_ANSWER = {"description": "Problem (RFC 9457)", "content": {MEDIA_TYPE: {"schema": _PROBLEM_SCHEMA}}}


def create_api(
    *,
    service: str,
    routers: Sequence[APIRouter],
    settings: ServiceSettings,
    database: Database | None = None,
    state: Mapping[str, Any] | None = None,
    readiness: Mapping[str, Check] | None = None,
    background: Background = nullcontext,
) -> FastAPI:
    """The API of a service: its routers under the shared edge. `state` becomes attributes of `app.state`.

    `background` is entered before the first request and left after the last one.
    """
    app = FastAPI(
        title=f"村警 {service}",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan_with(background),
        responses={"default": _PROBLEM_ANSWER},
    )
    provided = {"settings": settings, "database": database, "tokens": TokenVerifier.of(settings), **(state or {})}
    provided["refusals"] = refusals = Refusals()
    for name, value in provided.items():
        setattr(app.state, name, value)
    for router in (*routers, operations_router(readiness or {}), docs_router):
        app.include_router(router)
    mount_assets(app)
    _handle_problems(app)
    app.add_middleware(Edge, service=service, doors=Doors.of(app))
    app.add_middleware(RequestContext, service=service, templates=_templates(app), silent=OPERATIONS, refusals=refusals)
    return app


def _lifespan_with(background: Background) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database: Database | None = app.state.database
        async with background(), _audited_refusals(app.state.refusals, database) if database else nullcontext():
            yield
        if database is not None:
            await database.close()

    return lifespan


@asynccontextmanager
async def _audited_refusals(refusals: Refusals, database: Database) -> AsyncIterator[None]:
    writing = asyncio.create_task(refusals.write_for_ever(database))
    yield
    writing.cancel()
    await refusals.write_all(database)


def _templates(app: FastAPI) -> dict[Any, str]:
    contexts = iter_route_contexts(app.routes)
    return {context.endpoint: context.path for context in contexts if context.endpoint and context.path}


def _handle_problems(app: FastAPI) -> None:
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, on_invalid_request)


async def _on_problem(_: Request, error: Exception) -> Response:
    return problem_response(cast(Problem, error))


async def _on_http_exception(_: Request, error: Exception) -> Response:
    """The framework's own refusals. Our code raises problems; another status here would be a mistake of ours."""
    refusal = cast(HTTPException, error)
    known: dict[int, Problem] = {
        400: MalformedJson("请用 UTF-8 编码并检查 JSON 语法后重发"),
        404: NotFound("请检查地址和编号"),
        405: MethodNotAllowed("请改用 Allow 头中列出的方法"),
    }
    if refusal.status_code not in known:
        _log.error("unexpected HTTP exception", status=refusal.status_code, exc_info=error)
    return problem_response(known.get(refusal.status_code, Internal()), refusal.headers)
