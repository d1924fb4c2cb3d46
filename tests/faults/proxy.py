"""A TCP proxy on this machine whose wire can be slow, cut or silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from shared.devstack.ports import LOOPBACK, free_port

_CHUNK = 64 * 1024
_ON_THE_WAY = 64
"""Chunks in one direction; whoever sends more waits, as on a real wire."""

Side = Literal["client", "server"]
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


def to_port(port: int) -> Connect:
    """A server on a port of this machine."""
    return lambda: asyncio.open_connection(LOOPBACK, port)


def to_socket(path: Path) -> Connect:
    """A server on a Unix socket."""
    return lambda: asyncio.open_unix_connection(str(path))


class Proxy:
    """Passes on what comes, after `delay` seconds; silent, it takes connections and bytes and passes nothing on."""

    def __init__(self, port: int, connect: Connect) -> None:
        self.port = port
        self.delay = 0.0
        self.cuts = 0
        self._connect = connect
        self._passing = asyncio.Event()
        self._passing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut_after: dict[Side, int] = {}

    def silence(self) -> None:
        """From now on a black hole: nothing passes, nobody is told."""
        self._passing.clear()

    def resume(self) -> None:
        """What was kept back is passed on, ends of connections too."""
        self._passing.set()

    def cut(self) -> None:
        """Reset every connection."""
        self.cuts += bool(self._tasks)
        for task in self._tasks:
            task.cancel()

    def cut_after(self, size: int, come_from: Side) -> None:
        """Reset every connection once so many bytes more have come from there: in the middle of a message."""
        self._cut_after[come_from] = size

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its beginning to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far_writer = writer
        try:
            await self._passing.wait()
            far_reader, far_writer = await self._connect()
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, far_writer, "client"))
                both.create_task(self._pump(far_reader, writer, "server"))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, far_writer):
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, come_from: Side) -> None:
        """Pass on in one direction until its end."""
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_ON_THE_WAY)
        now = asyncio.get_running_loop().time

        async def deliver() -> None:
            while True:
                due, data = await on_the_way.get()
                await asyncio.sleep(due - now())
                await self._passing.wait()
                if not data:
                    writer.write_eof()
                    return
                await self._pass_on(data, writer, come_from)

        async with asyncio.TaskGroup() as both:
            both.create_task(deliver())
            while data := await reader.read(_CHUNK):
                await on_the_way.put((now() + self.delay, data))
            await on_the_way.put((now() + self.delay, b""))

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter, come_from: Side) -> None:
        left = self._cut_after.get(come_from)
        if left is not None:
            self._cut_after[come_from] = left - len(data)
        writer.write(data[:left])
        await writer.drain()
        if left is not None and left <= len(data):
            del self._cut_after[come_from]
            self.cut()


@asynccontextmanager
async def proxy(connect: Connect, port: int = 0) -> AsyncIterator[Proxy]:
    """A proxy for as long as the block runs."""
    found = Proxy(port or free_port(), connect)
    server = await asyncio.start_server(found.take, LOOPBACK, found.port)
    try:
        yield found
    finally:
        server.close()
        found.cut()
        await server.wait_closed()
