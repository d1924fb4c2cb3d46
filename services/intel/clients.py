"""Calling a station's system: one signed attempt, never more than it needs and never where it must not go."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from services.intel.rules.addresses import AllowList
from services.intel.rules.delivery import Outcome, outcome_of
from services.intel.rules.signature import sign
from shared.clock import Clock

USER_AGENT = "cunjing-intel/1"
CONNECT_SECONDS = 5
TOTAL_SECONDS = 20
LONGEST_ANSWER = 64 * 1024
# Looking a name up can hang for longer than a call may take; those that do must not keep the others from it.
LOOKUPS = 64
MOST_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """What one attempt sends, and where; `former` are secrets that still count beside the first."""

    url: str
    secret: str
    former: tuple[str, ...]
    webhook_id: str
    body: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """How it ended; `code` is the HTTP status, or in a word why there is none."""

    outcome: Outcome
    code: str
    retry_after: str | None = None


class _Refused(Exception):
    """The address must not be called; the text is the attempt's code."""


def refusal(url: str, allowed: AllowList) -> str | None:
    """Why this address must not be called: what the list checks must be what is sent, whatever parsers make of it."""
    if refused := allowed.refusal(url):
        return refused
    called, written = httpx.URL(url), urlsplit(url)
    path = (written.path or "/") + (f"?{written.query}" if written.query else "")
    return None if (called.host, called.raw_path.decode()) == (written.hostname, path) else "not_as_sent"


class StationClient:
    """Signs and sends."""

    def __init__(self, allowed: AllowList, clock: Clock) -> None:
        self._allowed = allowed
        self._clock = clock
        self._lookups = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="lookup")
        self._http = httpx.AsyncClient(
            # No redirects and no proxy from the environment: both lead to hosts that nobody has allowed.
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS),
            # Whoever calls bounds the number of calls. A connection is known by its address, and one that was made for
            # one host name must not carry another's calls.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            # Nothing a station says is kept.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            headers={"user-agent": USER_AGENT},
        )

    async def send(self, call: OutgoingCall) -> Attempt:
        """One attempt: the same webhook-id each time, the timestamp and signature of this moment."""
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await self._send(call)
        except _Refused as refused:
            return Attempt("unsent", str(refused))
        except (TimeoutError, httpx.TimeoutException):
            return Attempt("failed", "timeout")
        except socket.gaierror:
            return Attempt("failed", "name_not_found")
        except httpx.ConnectError:
            return Attempt("failed", "no_connection")
        except httpx.HTTPError:
            return Attempt("failed", "broken_answer")

    async def close(self) -> None:
        """Close all connections."""
        self._lookups.shutdown(wait=False, cancel_futures=True)
        await self._http.aclose()

    async def _send(self, call: OutgoingCall) -> Attempt:
        # Checked again here: the list may have become shorter since the endpoint was set.
        if refused := refusal(call.url, self._allowed):
            raise _Refused(refused)
        url = httpx.URL(call.url)
        *first, last = await self._addresses(url)
        for address in first:
            try:
                return await self._post(call, url, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._post(call, url, last)

    async def _addresses(self, url: httpx.URL) -> list[str]:
        """What the host leads to at this moment; every address must be allowed."""
        found = await self._resolve(url.host, url.port or 443)
        if not all(self._allowed.leads_to(url.host, address) for address in found):
            raise _Refused("address_not_allowed")
        return found[:MOST_ADDRESSES]

    async def _resolve(self, host: str, port: int) -> list[str]:
        if _is_literal(host):
            return [host]
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._lookups, look_up)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    async def _post(self, call: OutgoingCall, url: httpx.URL, address: str) -> Attempt:
        """Connect to the address that was checked; the host's name is for its certificate and its own routing."""
        request = self._http.stream(
            "POST",
            url.copy_with(host=address),
            content=call.body.encode(),
            headers={"content-type": "application/json", "host": url.netloc.decode()}
            | sign(call.secret, call.webhook_id, self._clock(), call.body, *call.former),
            extensions={"sni_hostname": url.host},
        )
        async with request as answer:
            length = 0
            async for chunk in answer.aiter_raw():
                length += len(chunk)
                if length > LONGEST_ANSWER:
                    return Attempt("failed", "answer_too_long")
        status = answer.status_code
        return Attempt(outcome_of(status), str(status), answer.headers.get("retry-after"))


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
