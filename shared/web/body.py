"""Reading a request body whole, within limits, before any of our code sees it."""

import asyncio
import json
import re
import zlib
from dataclasses import dataclass

import orjson
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from shared.web.problems import BodyTooLarge, MalformedEncoding, Problem, UnstorableText, UnsupportedEncoding

MEBIBYTE = 1024 * 1024

# How much of a refused body is read and thrown away: a client that is still sending often misses an early answer.
_DISCARDED_BYTES = 64 * MEBIBYTE
_DISCARDED_SECONDS = 10
_GZIP = 31

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class BodyLimits:
    """Bytes as sent, and bytes once decompressed."""

    sent: int = 5 * MEBIBYTE
    decompressed: int = 20 * MEBIBYTE


async def read_body(scope: Scope, receive: Receive, limits: BodyLimits) -> bytes:
    """The decompressed body; a problem for one that is too large, badly compressed or not storable."""
    incoming = _Incoming(receive)
    try:
        body = await _read(Headers(scope=scope), incoming, limits)
    except Problem:
        await _discard(incoming)
        raise
    _refuse_unstorable(scope, body)
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


async def _read(headers: Headers, incoming: _Incoming, limits: BodyLimits) -> bytes:
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > limits.sent:
        raise _too_large(limits.sent)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("gzip", "identity"):
        raise UnsupportedEncoding("请用 gzip 压缩,或不压缩")
    inflate = _Inflate(limits.decompressed) if encoding == "gzip" else None
    parts, received = [], 0
    while incoming.more:
        chunk = await incoming.chunk()
        received += len(chunk)
        if received > limits.sent:
            raise _too_large(limits.sent)
        parts.append(inflate.feed(chunk) if inflate else chunk)
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
            raise _too_large(self._limit)
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


def _refuse_unstorable(scope: Scope, body: bytes) -> None:
    in_address = "\x00" in scope["path"] or b"%00" in scope["query_string"]
    in_body = b"\\u0000" in body and _NUL.search(body)
    if in_address or in_body or (_SURROGATE.search(body) and _has_lone_surrogate(body)):
        raise UnstorableText("请删去 NUL 字符(\\u0000)和不成对的代理字符后重发")


def _has_lone_surrogate(body: bytes) -> bool:
    """JSON by the standard library's rules, which allow half a pair, but not by orjson's, which do not."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return _is_json(body)
    return False


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"请求内容至多 {limit // MEBIBYTE} MiB,请分批提交", limit_bytes=limit)


def _malformed() -> MalformedEncoding:
    return MalformedEncoding("内容不是完整的 gzip 数据,请重新压缩后重发")
