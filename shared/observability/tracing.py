"""Request ids and W3C trace context, kept per task and bound to every log line."""

import re
import secrets
from collections.abc import Collection
from contextvars import ContextVar

from structlog.contextvars import bind_contextvars

from shared.observability.redaction import redact

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})"
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")


def current_traceparent() -> str | None:
    """The trace context to hand on: to a fact's envelope or an outgoing call; None outside any trace."""
    return _traceparent.get()


def hand_on_trace(causes: Collection[str | None]) -> None:
    """What a batch of facts brings about belongs to the trace they share; to none when they have several."""
    _traceparent.set(next(iter(causes)) if len(causes) == 1 else None)


def continue_trace(header: str | None) -> str:
    """Make this task part of the caller's trace, or of a new one; returns the new traceparent."""
    match = _TRACEPARENT.fullmatch(header or "")
    trace, flags = (match["trace"], match["flags"]) if match else (secrets.token_hex(16), "01")
    traceparent = f"00-{trace}-{secrets.token_hex(8)}-{flags}"
    _traceparent.set(traceparent)
    bind_contextvars(traceparent=traceparent)
    return traceparent


def current_request_id() -> str | None:
    """The id of the HTTP request being answered; None in a worker."""
    return _request_id.get()


def begin_request(given: str | None) -> str:
    """Take the caller's request id if it is harmless, else make one; returns the one in use."""
    # A caller could put a citizen number into the header, and it would be kept in logs and audit rows.
    harmless = given is not None and _REQUEST_ID.fullmatch(given) and redact(given) == given
    request_id = given if given is not None and harmless else secrets.token_hex(16)
    _request_id.set(request_id)
    bind_contextvars(request_id=request_id)
    return request_id
