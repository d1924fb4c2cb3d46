"""What operators and their tools ask a process: alive, ready, figures."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog
from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from shared.security.dependencies import public
from shared.web.problems import NotReady

# None: fine. Otherwise what is wrong and, best, the command that mends it.
Check = Callable[[], Awaitable[str | None]]

OPERATIONS = frozenset({"/healthz", "/readyz", "/metrics"})

_CHECK_SECONDS = 3

_log = structlog.get_logger(__name__)


def operations_router(checks: Mapping[str, Check]) -> APIRouter:
    """`/healthz`, `/readyz`, `/metrics`; for APIs and for the small server of a worker."""
    router = APIRouter(dependencies=[Depends(public)], tags=["operations"])

    @router.get("/healthz")
    async def alive() -> dict[str, str]:
        """The process lives; says nothing about what it depends on."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def ready() -> dict[str, str]:
        """Every check passes; else 503 naming those that do not."""
        found = await asyncio.gather(*(_run(name, check) for name, check in checks.items()))
        failing = {name: wrong for name, wrong in zip(checks, found, strict=True) if wrong is not None}
        if failing:
            raise NotReady("见 failing 中各项", failing=failing)
        return dict.fromkeys(checks, "ok")

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _run(name: str, check: Check) -> str | None:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS} s"
    except Exception as error:
        _log.warning("readiness check failed", check=name, exc_info=error)
        return f"check failed: {type(error).__name__}"
