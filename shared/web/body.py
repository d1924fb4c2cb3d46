"""Reading a request body whole, within limits, before any of our code sees it."""

import asyncio
import re
import zlib
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from shared.web.holding import Holding
from shared.web.problems import (
    BodyTooLarge,
    BodyTooSlow,
    MalformedEncoding,
    UnstorableText,
    UnsupportedEncoding,
)

MEBIBYTE = 1024 * 1024

# A batch of a phone over a poor connection arrives in a few seconds. Who takes longer holds memory of everybody's.
SECONDS_TO_ARRIVE = 30.0

_GZIP = 31

# A NUL, a high half that no low one follows, a low one that follows no high one.
_ESCAPED = re.compile(
    rb"""\\u(?: 0000
           | [dD][89abAB][0-9a-fA-F]{2} (?!\\u[dD][c-fC-F])
           | (?<! \\u[dD][89abAB][0-9a-fA-F]{2} \\u) [dD][c-fC-F] )""",
    re.VERBOSE,
)
# A half written as three bytes, which is no UTF-8 but which the JSON parser takes.
_RAW_HALF = re.compile(rb"\xed[\xa0-\xbf]")


@dataclass(frozen=True)
class Limits:
    """Most bytes of a body: as it is sent, and once unpacked."""

    sent: int
    unpacked: int


@dataclass(frozen=True)
class Patience:
    """How much of a refused body is thrown away after the answer: closed on at once, a client that is still sending
    often misses it.
    """

    most: int
    seconds: float


OF_KNOWN = Limits(5 * MEBIBYTE, 20 * MEBIBYTE)
OF_STRANGERS = Limits(256 * 1024, 256 * 1024)
"""Of those whom no token names: a station's signed answer is a few hundred bytes, and must be whole to be proven."""

WITH_KNOWN = Patience(64 * MEBIBYTE, 10)
WITH_STRANGERS = Patience(1 * MEBIBYTE, 2)


class Incoming:
    """The chunks of a body as they arrive."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.receive = receive
        headers = Headers(scope=scope)
        self.length = _length(headers)
        self.more = self.length > 0 or "transfer-encoding" in headers

    async def chunk(self) -> bytes:
        """The next one; ClientDisconnect when there will be none."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self.more = message.get("more_body", False)
        return bytes(message.get("body", b""))

    async def discard(self, patience: Patience) -> None:
        """Let the client finish sending, within reason."""
        left = patience.most
        try:
            async with asyncio.timeout(patience.seconds):
                while self.more and left > 0:
                    left -= len(await self.chunk())
        except (TimeoutError, ClientDisconnect):
            return


def is_announced_too_large(incoming: Incoming, limits: Limits) -> bool:
    """Whether a body says itself that it is too large: nothing of it needs to be read to refuse it."""
    return incoming.length > limits.sent


async def read_body(scope: Scope, incoming: Incoming, limits: Limits, holding: Holding) -> bytes:
    """The decompressed body; a problem for one that is too large, too slow, badly compressed or not storable."""
    headers = Headers(scope=scope)
    try:
        async with asyncio.timeout(SECONDS_TO_ARRIVE):
            body = await _read(headers, incoming, limits, holding)
    except TimeoutError:
        raise BodyTooSlow(f"请求内容须在 {SECONDS_TO_ARRIVE:.0f} 秒内发完,请检查网络或分批提交") from None
    _refuse_unstorable(scope, headers, body)
    return body


async def _read(headers: Headers, incoming: Incoming, limits: Limits, holding: Holding) -> bytes:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("gzip", "identity"):
        raise UnsupportedEncoding("请用 gzip 压缩,或不压缩")
    inflate = _Inflate(limits.unpacked) if encoding == "gzip" else None
    parts, received = [], 0
    while incoming.more:
        chunk = await incoming.chunk()
        received += len(chunk)
        if received > limits.sent:
            raise too_large(limits.sent)
        part = inflate.feed(chunk) if inflate else chunk
        holding.add(len(part))
        parts.append(part)
    if inflate:
        inflate.finish()
    return b"".join(parts)


class _Inflate:
    """gzip, stopped as soon as the limit is passed: a bomb costs no more memory than an honest body."""

    def __init__(self, limit: int) -> None:
        self._limit = self._left = limit
        self._stream = zlib.decompressobj(_GZIP)

    def feed(self, chunk: bytes) -> bytes:
        try:
            plain = self._stream.decompress(chunk, self._left + 1)
        except zlib.error:
            raise _malformed() from None
        self._left -= len(plain)
        if self._left < 0:
            raise too_large(self._limit)
        return plain

    def finish(self) -> None:
        if not self._stream.eof or self._stream.unused_data:
            raise _malformed()


def is_storable(body: bytes) -> bool:
    """Whether PostgreSQL can keep the text of a JSON body; UTF-16 and UTF-32 are full of NULs, which it cannot.

    In linear time and without parsing: a station's call comes here before its signature is looked at.
    """
    if b"\0" in body or _RAW_HALF.search(body):
        return False
    # An escaped backslash begins no escape.
    return _ESCAPED.search(body.replace(rb"\\", b"//")) is None


def _refuse_unstorable(scope: Scope, headers: Headers, body: bytes) -> None:
    in_address = "\x00" in scope["path"] or b"%00" in scope["query_string"]
    # A bad character of a CSV file is told with its line, by whoever reads the lines.
    is_json = not headers.get("content-type", "").lower().startswith("text/csv")
    if in_address or (is_json and not is_storable(body)):
        raise UnstorableText("请用 UTF-8 编码,删去 NUL 字符(\\u0000)和不成对的代理字符后重发")


def _length(headers: Headers) -> int:
    told = headers.get("content-length", "0")
    return int(told) if told.isdecimal() else 0


def too_large(limit: int) -> BodyTooLarge:
    """The problem that tells a limit."""
    told = f"{limit // MEBIBYTE} MiB" if limit >= MEBIBYTE else f"{limit // 1024} KiB"
    return BodyTooLarge(f"请求内容至多 {told},请分批提交", limit_bytes=limit)


def _malformed() -> MalformedEncoding:
    return MalformedEncoding("内容不是完整的 gzip 数据,请重新压缩后重发")
