"""The server under every API: what a client may send before there is a request to answer."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.web.heads import MOST_BYTES

# A head comes in one packet or two. Without a bound, a client that sends a byte a minute keeps its connection for ever.
SECONDS_FOR_HEAD = 30.0

_REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHeads(HttpToolsProtocol):
    """Closes a connection whose head is too large, or takes too long, while it is still arriving.

    The parser below keeps whatever comes until the head is whole; only then does the edge see it.
    """

    _bytes_of_head = 0
    _closing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Wait for the first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._head_is_whole()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head that is not whole yet."""
        was_arriving = self._closing is not None
        super().data_received(data)
        if not was_arriving or self._closing is None or self.transport.is_closing():
            return
        self._bytes_of_head += len(data)
        if self._bytes_of_head > MOST_BYTES:
            self.transport.write(_REFUSAL)
            self.transport.close()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._wait_for_head()

    def on_headers_complete(self) -> None:
        """From here on the edge sees to it."""
        self._head_is_whole()
        super().on_headers_complete()

    def _wait_for_head(self) -> None:
        self._head_is_whole()
        self._closing = self.loop.call_later(SECONDS_FOR_HEAD, self.transport.close)

    def _head_is_whole(self) -> None:
        self._bytes_of_head = 0
        if self._closing:
            self._closing.cancel()
            self._closing = None
