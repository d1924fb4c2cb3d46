"""Reading a request body whole, within limits, before any of our code sees it."""

import asyncio
import re
import zlib

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from shared.web.problems import BodyTooLarge, MalformedEncoding, Problem, UnstorableText, UnsupportedEncoding

MEBIBYTE = 1024 * 1024

# Bytes as they are sent, and once decompressed.
_SENT = 5 * MEBIBYTE
_UNPACKED = 20 * MEBIBYTE

# How much of a refused body is read and thrown away: a client that is still sending often misses an early answer.
_DISCARDED_BYTES = 64 * MEBIBYTE
_DISCARDED_SECONDS = 10
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


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The decompressed body; a problem for one that is too large, badly compressed or not storable."""
    headers, incoming = Headers(scope=scope), _Incoming(receive)
    try:
        body = await _read(headers, incoming)
    except Problem:
        await _discard(incoming)
        raise
    _refuse_unstorable(scope, headers, body)
    return body


class _Incoming:
    """The chunks of a body as they arrive."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.more = True

    async def chunk(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self.more = message.get("more_body", False)
        return bytes(message.get("body", b""))


async def _read(headers: Headers, incoming: _Incoming) -> bytes:
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > _SENT:
        raise _too_large(_SENT)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("gzip", "identity"):
        raise UnsupportedEncoding("请用 gzip 压缩,或不压缩")
    inflate = _Inflate() if encoding == "gzip" else None
    parts, received = [], 0
    while incoming.more:
        chunk = await incoming.chunk()
        received += len(chunk)
        if received > _SENT:
            raise _too_large(_SENT)
        parts.append(inflate.feed(chunk) if inflate else chunk)
    if inflate:
        inflate.finish()
    return b"".join(parts)


class _Inflate:
    """gzip, stopped as soon as the limit is passed: a bomb costs no more memory than an honest body."""

    def __init__(self) -> None:
        self._left = _UNPACKED
        self._stream = zlib.decompressobj(_GZIP)

    def feed(self, chunk: bytes) -> bytes:
        try:
            plain = self._stream.decompress(chunk, self._left + 1)
        except zlib.error:
            raise _malformed() from None
        self._left -= len(plain)
        if self._left < 0:
            raise _too_large(_UNPACKED)
        return plain

    def finish(self) -> None:
        if not self._stream.eof or self._stream.unused_data:
            raise _malformed()


async def _discard(incoming: _Incoming) -> None:
    """Let the client finish sending, within reason, so that it reads the answer instead of a broken connection."""
    left = _DISCARDED_BYTES
    try:
        async with asyncio.timeout(_DISCARDED_SECONDS):
            while incoming.more and left > 0:
                left -= len(await incoming.chunk())
    except (TimeoutError, ClientDisconnect):
        return


def is_storable(body: bytes) -> bool:
    """Whether PostgreSQL can keep the text of a JSON body; UTF-16 and UTF-32 are full of NULs, which it cannot.

    In linear time and without parsing: nobody has looked at the caller's token yet.
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


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"请求内容至多 {limit // MEBIBYTE} MiB,请分批提交", limit_bytes=limit)


def _malformed() -> MalformedEncoding:
    return MalformedEncoding("内容不是完整的 gzip 数据,请重新压缩后重发")
