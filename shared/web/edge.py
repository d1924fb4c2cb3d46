"""The edge of a request: who asks, then its whole body within limits, then the application, run again after a deadlock.

Nothing of a body is read before its length, as announced, and its sender's token were looked at.
"""

import asyncio
import random
from contextlib import nullcontext

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.database.errors import is_repeatable
from shared.observability.metrics import REQUESTS_REPEATED
from shared.security.principal import Principal
from shared.web.body import Incoming, Patience, is_announced_too_large, read_body, too_large
from shared.web.doors import Door, Doors, patience_with, refuse_unknown_parameters
from shared.web.failures import problem_of
from shared.web.heads import refuse_large_head
from shared.web.holding import Held, Holding
from shared.web.problems import OverShare, Problem, problem_response
from shared.web.shares import Share
from shared.web.turns import DELAY_SECONDS, Turns

REPEATS = 3

_COUNTY = 6
STRANGERS = "strangers"
"""Whoever calls without a token has one share with all such: a station's signed calls, by their address."""


class Edge:
    """ASGI middleware. A request is run again only while nothing of an answer was sent, so nobody sees two."""

    def __init__(self, app: ASGIApp, service: str, doors: Doors) -> None:
        self._app = app
        self._service = service
        self._doors = doors
        self._held = Held()
        self._turns = Turns(service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        door = self._doors.find(scope) if scope["type"] == "http" else None
        if door is None:
            # Not a request, or one for nothing that there is: nobody reads its body.
            await self._app(scope, receive, send)
            return
        scope["endpoint"] = door.endpoint
        await self._answer(door, scope, receive, send)

    async def _answer(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        incoming, who = Incoming(scope, receive), None
        try:
            refuse_large_head(scope)
            if is_announced_too_large(incoming, door.limits):
                who = await _sender_if_good(door, scope)
                raise too_large(door.limits.sent)
            who = await door.sender(scope)
            refuse_unknown_parameters(door, scope)
            await self._take(door, _share(who, scope), scope, incoming, send)
        except ClientDisconnect:
            return
        except Problem as problem:
            if isinstance(problem, OverShare):
                await asyncio.sleep(DELAY_SECONDS)
            await _refuse(problem, scope, incoming, patience_with(who is not None), send)

    async def _take(self, door: Door, share: Share, scope: Scope, incoming: Incoming, send: Send) -> None:
        if door.waits:
            self._turns.require_room(share)
        with Holding(self._held, share.county) as holding:
            body = await read_body(scope, incoming, door.limits, holding)
            async with self._turns.turn(share) if door.waits else nullcontext():
                await self._run(scope, body, incoming.receive, send)

    async def _run(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        for repeats_left in reversed(range(REPEATS + 1)):
            answer = _Answer(send)
            try:
                await self._app(_plain_scope(scope, body), _replay(body, receive), answer)
                return
            except Exception as error:
                repeat = repeats_left > 0 and is_repeatable(error)
                problem = None if repeat else problem_of(error)
                if answer.started or not (repeat or problem):
                    raise
                if problem:
                    await problem_response(problem)(scope, receive, send)
                    return
            REQUESTS_REPEATED.labels(self._service).inc()
            await asyncio.sleep(random.uniform(0.01, 0.05))  # noqa: S311 - only to part two that met


async def _sender_if_good(door: Door, scope: Scope) -> Principal | None:
    """Who asks, where that decides about kindness alone."""
    try:
        return await door.sender(scope)
    except Problem:
        return None


async def _refuse(problem: Problem, scope: Scope, incoming: Incoming, patience: Patience, send: Send) -> None:
    """The answer at once; a client that is still sending is then let finish, within reason, so that it reads it."""
    if not incoming.more:
        await problem_response(problem)(scope, incoming.receive, send)
        return
    answer = problem_response(problem, {"Connection": "close"})
    await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    await incoming.discard(patience)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _share(who: Principal | None, scope: Scope) -> Share:
    return Share(STRANGERS, scope["path"]) if who is None else Share(who.division[:_COUNTY], who.subject)


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
