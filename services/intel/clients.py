"""Calling a station's system: one signed attempt, never more than it needs and never where it must not go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

import httpx

from services.intel.rules.delivery import refuse_address
from services.intel.rules.signature import sign
from shared.clock import Clock

CONNECT_SECONDS = 5
TOTAL_SECONDS = 20
LONGEST_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class OrderCall:
    """What one attempt sends, and where."""

    url: str
    secret: str
    webhook_id: str
    body: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """How it ended; `code` is the HTTP status, or in a word why there is none."""

    outcome: Literal["delivered", "gone", "failed"]
    code: str


class StationClient:
    """Signs and sends orders."""

    def __init__(self, allowed_hosts: frozenset[str], clock: Clock) -> None:
        self._allowed_hosts = allowed_hosts
        self._clock = clock
        # No redirects and no proxy from the environment: both lead to hosts that nobody has allowed.
        self._http = httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS)
        )

    async def send(self, call: OrderCall) -> Attempt:
        """One attempt: the same webhook-id each time, the timestamp and signature of this moment."""
        # Checked again here: the list may have become shorter since the endpoint was set.
        if refusal := self._refuse(call.url):
            return Attempt("failed", refusal)
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await self._post(call)
        except (TimeoutError, httpx.TimeoutException):
            return Attempt("failed", "timeout")
        except httpx.ConnectError:
            return Attempt("failed", "no_connection")
        except (httpx.HTTPError, httpx.InvalidURL):
            return Attempt("failed", "broken_answer")

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def _refuse(self, url: str) -> str | None:
        """The host that was checked must be the host that is called, whatever two parsers make of an odd address."""
        try:
            called = httpx.URL(url).host
        except httpx.InvalidURL:
            return "not_a_url"
        if called not in self._allowed_hosts:
            return "host_not_allowed"
        return refuse_address(url, self._allowed_hosts)

    async def _post(self, call: OrderCall) -> Attempt:
        headers = sign(call.secret, call.webhook_id, self._clock(), call.body) | {"content-type": "application/json"}
        async with self._http.stream("POST", call.url, content=call.body.encode(), headers=headers) as answer:
            length = 0
            async for chunk in answer.aiter_raw():
                length += len(chunk)
                if length > LONGEST_ANSWER:
                    return Attempt("failed", "answer_too_long")
        if answer.is_success:
            return Attempt("delivered", str(answer.status_code))
        return Attempt("gone" if answer.status_code == httpx.codes.GONE else "failed", str(answer.status_code))
