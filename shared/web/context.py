"""Request id, trace, one access log line, metrics, and the last resort for errors nobody expected."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import clear_contextvars

from shared.observability.metrics import REQUEST_SECONDS, REQUESTS
from shared.observability.tracing import begin_request, continue_trace
from shared.security.caller import Caller, new_caller
from shared.web.problems import Internal, problem_response
from shared.web.refusals import Refusals

_log = structlog.get_logger("cunjing.access")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_WENT_AWAY = 499


class RequestContext:
    """ASGI middleware, the outermost. Addresses are logged as route templates: a real one may hold personal data."""

    def __init__(
        self, app: ASGIApp, service: str, templates: Mapping[Any, str], silent: frozenset[str], refusals: Refusals
    ) -> None:
        self._app = app
        self._service = service
        self._templates = templates
        self._silent = silent
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        clear_contextvars()
        caller = new_caller()
        headers = Headers(scope=scope)
        request_id, traceparent = begin_request(headers.get("x-request-id")), continue_trace(headers.get("traceparent"))
        answer = _Answer(send, {"X-Request-Id": request_id, "traceparent": traceparent})
        try:
            await self._app(scope, receive, answer)
        except Exception:
            _log.exception("unexpected error", method=scope["method"], route=self._route(scope))
            if answer.status == _CLIENT_WENT_AWAY:
                await problem_response(Internal())(scope, receive, answer)
        finally:
            self._report(scope, caller, answer.status, perf_counter() - started)

    def _report(self, scope: Scope, caller: Caller, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = self._route(scope)
        REQUESTS.labels(self._service, method, route, status).inc()
        REQUEST_SECONDS.labels(self._service, method, route).observe(seconds)
        self._refusals.note(caller, f"{method} {route}", status)
        if route not in self._silent:
            _log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))

    def _route(self, scope: Scope) -> str:
        return self._templates.get(scope.get("endpoint"), "unmatched")


class _Answer:
    """Passes the answer on with our headers and remembers its status."""

    def __init__(self, send: Send, headers: Mapping[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.status = _CLIENT_WENT_AWAY

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message).update(self._headers)
        await self._send(message)
