"""One transaction per request, committed before the answer is sent."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import Depends
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.requests import Request

from shared.database.unit import Database, Unit
from shared.web.failures import unavailable


async def open_unit(request: Request) -> AsyncIterator[Unit]:
    """The request's unit of work: committed when the route returns, rolled back when it raises."""
    database: Database = request.app.state.database
    async with AsyncExitStack() as stack:
        try:
            unit = await stack.enter_async_context(database.unit())
        except (OSError, PoolTimeoutError) as error:
            raise unavailable() from error
        yield unit


# scope="function": with FastAPI's default the commit would follow the answer, and a failed one would still be a 200.
UnitOfWork = Annotated[Unit, Depends(open_unit, scope="function")]
