"""The load generator: a few connections, each sending the next body when the last was answered."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

Send = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int, bytes], Awaitable[None]]


async def drive(host: str, port: int, bodies: Sequence[bytes], connections: int, send: Send) -> float:
    """Seconds it takes to send all bodies over `connections` connections."""
    waiting = deque(enumerate(bodies))

    async def one() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        while waiting:
            number, body = waiting.popleft()
            await send(reader, writer, number, body)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return time.perf_counter() - began


def http_post(path: str, token: str) -> Send:
    """Send a body as HTTP/1.1 on a kept-alive connection; any answer but 200 ends the measurement."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int, body: bytes) -> None:
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        text = await reader.readexactly(int(length.partition(b":")[2]))
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            raise RuntimeError(f"{answer.decode()}{text.decode()[:500]}")

    return send


async def framed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, body: bytes) -> None:
    """Send the same body to the floor, which runs the statements of that number."""
    writer.write(number.to_bytes(4) + len(body).to_bytes(4) + body)
    await reader.readexactly(1)
