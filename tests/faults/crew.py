"""Processes a test keeps running, whatever ends them."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

from tests.faults.process import LOST, Orders, start


@dataclass
class _Member:
    orders: Callable[[], Orders]
    process: BaseProcess
    rest: float
    back_at: float = 0.0


class Crew:
    """Starts processes, starts those that ended again, and counts how they ended."""

    def __init__(self) -> None:
        self._members: dict[str, _Member] = {}
        self.killed = 0
        self.gave_up = 0

    def keep(self, name: str, orders: Callable[[], Orders], rest: float = 0.0) -> None:
        """Have a process of this name, started anew with new orders whenever it ends, after a rest."""
        self._members[name] = _Member(orders, start(orders()), rest)

    def pid(self, name: str) -> int:
        """Its process number now."""
        pid = self._members[name].process.pid
        assert pid is not None
        return pid

    async def kill(self, name: str) -> None:
        """`kill -9` as soon as it is there, until it is gone; it is started again."""
        process = await self._there(name)
        process.kill()
        while process.is_alive():
            await asyncio.sleep(0.001)

    async def stop(self, name: str) -> None:
        """Freeze it (SIGSTOP): it lives, and does nothing."""
        await self._there(name)
        os.kill(self.pid(name), signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        """Let a frozen one go on."""
        os.kill(self.pid(name), signal.SIGCONT)

    async def _there(self, name: str) -> BaseProcess:
        """Its process, once it is started again if it has just ended."""
        while not self._members[name].process.is_alive():
            await asyncio.sleep(0.01)
        return self._members[name].process

    def dismiss(self, name: str) -> None:
        """Kill it for good."""
        member = self._members.pop(name)
        if member.process.is_alive():
            member.process.kill()
        member.process.join()

    async def dismiss_all(self) -> None:
        """Kill all for good."""
        for name in list(self._members):
            self.dismiss(name)

    async def watch(self) -> None:
        """Start again what ended, for ever."""
        while True:
            for member in self._members.values():
                if member.process.is_alive():
                    member.back_at = time.monotonic() + member.rest
                elif time.monotonic() >= member.back_at:
                    member.process.join()
                    self.killed += member.process.exitcode == -signal.SIGKILL
                    self.gave_up += member.process.exitcode == LOST
                    member.process = start(member.orders())
            await asyncio.sleep(0.01)


@asynccontextmanager
async def crew() -> AsyncIterator[Crew]:
    """A crew for as long as the block runs."""
    found = Crew()
    watching = asyncio.create_task(found.watch())
    try:
        yield found
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        await found.dismiss_all()
