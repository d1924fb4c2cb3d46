"""The floor of ingest: a process that runs, for each body it is sent, the statements the service ran for it.

The same statements with the same parameters, stream counters included, over asyncpg, one transaction a body: no HTTP,
no token, no validation, no SQLAlchemy.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import event

from shared.database.unit import Database

Statements = list[tuple[str, tuple[Any, ...]]]


@asynccontextmanager
async def recorded(database: Database) -> AsyncIterator[Statements]:
    """The statements that the block runs on this database."""
    found: Statements = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        found.append((statement, tuple(parameters)))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def serve(url: str, transactions: list[Statements], connections: int) -> None:
    """Print the port, then answer every body with one byte once its statements are committed."""
    address = url.replace("postgresql+asyncpg", "postgresql")
    pool = await asyncpg.create_pool(address, min_size=connections, max_size=connections)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(8):
            await reader.readexactly(int.from_bytes(head[4:]))
            async with pool.acquire() as connection, connection.transaction():
                for statement, parameters in transactions[int.from_bytes(head[:4])]:
                    await connection.fetch(statement, *parameters)
            writer.write(b".")

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], pickle.loads(Path(sys.argv[2]).read_bytes()), int(sys.argv[3])))
