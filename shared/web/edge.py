"""The edge of a request: its whole body within limits first, then the application, run again after a deadlock."""

import asyncio
import random

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.database.errors import is_repeatable
from shared.observability.metrics import REQUESTS_REPEATED
from shared.security.problems import TokenMissing
from shared.web.body import read_body
from shared.web.failures import problem_of
from shared.web.problems import Problem, problem_response

REPEATS = 3
LARGE = 256 * 1024


class Edge:
    """ASGI middleware. A request is run again only while nothing of an answer was sent, so nobody sees two."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(scope, receive)
            if len(body) > LARGE:
                await _require_known_sender(scope)
        except ClientDisconnect:
            return
        except Problem as problem:
            await problem_response(problem, {"Connection": "close"})(scope, receive, send)
            return
        await self._run(scope, body, receive, send)

    async def _run(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        for repeats_left in reversed(range(REPEATS + 1)):
            answer = _Answer(send)
            attempt = _plain_scope(scope, body)
            try:
                await self._app(attempt, _replay(body, receive), answer)
                return
            except Exception as error:
                repeat = repeats_left > 0 and is_repeatable(error)
                problem = None if repeat else problem_of(error)
                if answer.started or not (repeat or problem):
                    raise
                if problem:
                    await problem_response(problem)(scope, receive, send)
                    return
            finally:
                # The route is known only now; logs and metrics outside want to name it.
                scope["endpoint"] = attempt.get("endpoint")
            REQUESTS_REPEATED.labels(self._service).inc()
            await asyncio.sleep(random.uniform(0.01, 0.05))  # noqa: S311 - only to part two that met


async def _require_known_sender(scope: Scope) -> None:
    """Parsing a large body is work for known clients only: 20 KB of gzip can be a second of it."""
    kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise TokenMissing("请在 Authorization 头中带上 Bearer 令牌")
    await scope["app"].state.tokens.verify(token.strip())


def _plain_scope(scope: Scope, body: bytes) -> Scope:
    """A scope of its own for each run, describing the body as it is now: decompressed, of known length."""
    attempt = {**scope, "headers": list(scope["headers"])}
    headers = MutableHeaders(scope=attempt)
    del headers["content-encoding"]
    if body:
        headers["content-length"] = str(len(body))
    return attempt


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


class _Answer:
    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        self.started = True
        await self._send(message)
