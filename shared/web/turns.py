"""Requests of one process take turns by shares, so that one client's flood never slows another county."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.observability.metrics import REQUESTS_OVER_SHARE, REQUESTS_WAITING
from shared.web.problems import OverShare
from shared.web.shares import Bounds, FairLine, Share

# One core answers, PostgreSQL works on another: three at once keep both at work, and every one more makes a newcomer's
# answer longer (bench/shares.py, ADR 0015).
BOUNDS = Bounds(at_once=6, spare=3, line=16, longest=128)

# Longer than a statement may take; whoever is not served by then is better told.
MOST_SECONDS = 10.0

# A closed loop that is told at once comes back at once, and saying no costs nearly what saying yes does.
DELAY_SECONDS = 1.0


@dataclass(eq=False)
class _Waiting:
    called: asyncio.Future[None]
    runs: bool = False


class Turns:
    """The line of one process."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._line: FairLine[_Waiting] = FairLine(BOUNDS)

    def require_room(self, share: Share) -> None:
        """429 for a share that is used up while others wait."""
        if not self._line.has_room(share):
            raise self._over_share()

    @asynccontextmanager
    async def turn(self, share: Share) -> AsyncIterator[None]:
        """Run the block when it is this share's turn; 429 if there is no room to wait or it takes too long."""
        self.require_room(share)
        one = _Waiting(asyncio.get_running_loop().create_future())
        self._line.arrive(share, one)
        self._call()
        try:
            await self._be_called(one)
            yield
        finally:
            self._end(share, one)

    async def _be_called(self, one: _Waiting) -> None:
        try:
            async with asyncio.timeout(MOST_SECONDS):
                await one.called
        except TimeoutError:
            if not one.runs:
                raise self._over_share() from None

    def _call(self) -> None:
        while (one := self._line.next()) is not None:
            one.runs = True
            if not one.called.done():
                one.called.set_result(None)
        REQUESTS_WAITING.labels(self._service).set(len(self._line))

    def _end(self, share: Share, one: _Waiting) -> None:
        if one.runs:
            self._line.leave(share)
        else:
            self._line.withdraw(share, one)
        self._call()

    def _over_share(self) -> OverShare:
        REQUESTS_OVER_SHARE.labels(self._service).inc()
        return OverShare("本县或本客户端同时提交过多,没有保存任何内容,请稍后原样重发")
