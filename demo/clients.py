"""The HTTP side of the demonstration: what any backend of a province would write."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

ATTEMPTS = 60


class Unexpected(Exception):
    """What the demonstration has no use for; the text says what was asked, of whom, and what came of it."""


class NotFound(Unexpected):
    """The service knows no such thing."""


class Api:
    """One service as seen with one token."""

    def __init__(self, address: str, token: str) -> None:
        headers = {"authorization": f"Bearer {token}"}
        # The services are on this machine: a proxy of the environment is not for them.
        self._http = httpx.AsyncClient(base_url=address, headers=headers, timeout=60, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: Any) -> Any:
        """The answer's JSON."""
        return await self._ask("GET", path, params=query)

    async def find(self, path: str) -> Any | None:
        """The answer's JSON; None when there is no such thing."""
        try:
            return await self.get(path)
        except NotFound:
            return None

    async def post(self, path: str, body: Any, **query: Any) -> Any:
        """Send JSON."""
        return await self._ask("POST", path, params=query, content=orjson.dumps(body), headers=_JSON)

    async def put(self, path: str, body: Any) -> Any:
        """Send JSON."""
        return await self._ask("PUT", path, content=orjson.dumps(body), headers=_JSON)

    async def post_text(self, path: str, text: str, content_type: str, **query: Any) -> Any:
        """Send a file as it is."""
        headers = {"content-type": content_type}
        return await self._ask("POST", path, params=query, content=text.encode(), headers=headers)

    async def _ask(self, method: str, path: str, **request: Any) -> Any:
        for _ in range(ATTEMPTS):
            try:
                answer = await self._http.request(method, path, **request)
            except httpx.RemoteProtocolError:  # the connection was closed as we sent: whatever was kept is a duplicate
                continue
            except httpx.TransportError as error:
                raise Unexpected(f"{method} {self._http.base_url}{path}: {type(error).__name__} {error}") from None
            pause = _pause(answer)
            if pause is None:
                return _content(answer)
            await asyncio.sleep(pause)  # nothing was kept: the same again
        raise Unexpected(f"{method} {answer.url}: still busy after {ATTEMPTS} attempts")


_JSON: Mapping[str, str] = {"content-type": "application/json"}


def _pause(answer: httpx.Response) -> float | None:
    """Until the same request may succeed: the server is busy, or does not know yet what the request names."""
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return float(answer.headers.get("retry-after", "1"))
    if answer.status_code == httpx.codes.CONFLICT and orjson.loads(answer.content).get("retryable"):
        return 0.5
    return None


def _content(answer: httpx.Response) -> Any:
    if answer.is_success:
        return orjson.loads(answer.content) if answer.content else None
    kind = NotFound if answer.status_code == httpx.codes.NOT_FOUND else Unexpected
    raise kind(f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text[:2000]}")
