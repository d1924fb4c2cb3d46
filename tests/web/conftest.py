"""Log lines as a process would write them."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from shared.observability.logs import configure_logging

LogLines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def json_logs() -> Iterator[LogLines]:
    """All JSON lines written since the start of the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging("tiny", "INFO")
    written = io.StringIO()
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
