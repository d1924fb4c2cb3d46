"""Structured logs: one JSON object a line on stderr, from our code and from the libraries alike."""

import logging
import logging.config
import sys
from types import TracebackType
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from shared.observability.exceptions import render_exception
from shared.observability.redaction import redact_value

# A library's own handlers would print beside ours, and unredacted.
_PLAIN = ("uvicorn", "uvicorn.error", "alembic", "asyncio")
# These tell addresses with query strings, or every statement with its parameters, at level INFO.
_TOO_TALKATIVE = ("httpx", "httpcore", "uvicorn.access", "sqlalchemy", "aiokafka")


def configure_logging(service: str, level: str) -> None:
    """Send every log line of this process to stderr as JSON, redacted, with service, request id and trace."""
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Service(service),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    logging.config.dictConfig(_stdlib(before, level))
    sys.excepthook = _log_uncaught
    # On an error of its own the library would print the line it could not format, arguments and all.
    logging.raiseExceptions = False


def _stdlib(before: list[Processor], level: str) -> dict[str, Any]:
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": before,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(_render),
            _redact,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {name: {"handlers": [], "propagate": True, "level": "NOTSET"} for name in _PLAIN}
        | {name: {"handlers": [], "propagate": True, "level": "WARNING"} for name in _TOO_TALKATIVE},
    }


class _Service:
    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("service", self._name)
        return event


def _redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {key: redact_value(value) for key, value in event.items()}


def _render(exc_info: ExcInfo) -> str:
    return render_exception(exc_info[1])


def _dumps(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger("cunjing").critical("the process ends: unexpected error", exc_info=(kind, error, trace))
