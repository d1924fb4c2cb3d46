"""No citizen number and no phone number in any log line, whoever writes it."""

import json
import subprocess
import sys

import pytest

from shared.observability.exceptions import render_exception
from shared.observability.redaction import redact
from shared.observability.tracing import continue_trace, current_traceparent

CITIZEN = "11010519491231002X"
PHONE = "13800138000"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (CITIZEN, "[citizen number]"),
        (CITIZEN.lower(), "[citizen number]"),
        (f"身份证{CITIZEN}电话{PHONE}。", "身份证[citizen number]电话[phone number]。"),
        (f"tel:{PHONE},{PHONE}", "tel:[phone number],[phone number]"),
        (f"+86{PHONE}", "+[phone number]"),
        (f"0086{PHONE}", "[phone number]"),
    ],
)
def test_personal_numbers_are_cut_out(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "411622102201",
        "411622102201123",
        "018f3b1c-1380-7013-8001-380013800013",
        "00-13800138000aaaaabbbbb13900139000-a13800138000bbbb-01",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "2026-10-01T08:00:00.123456Z",
        "1380013800",
        "138001380001",
        "1234567890123456789",
        "12800138000",
    ],
)
def test_ids_codes_and_times_stay(text: str) -> None:
    assert redact(text) == text


PROGRAM = f"""
import asyncio, logging
import structlog
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from shared.observability.logs import configure_logging
from shared.observability.tracing import begin_request, continue_trace

configure_logging("tiny", "INFO")
configure_logging("tiny", "INFO")
begin_request("request-1")
continue_trace(None)
log = structlog.get_logger("ours")
log.info("sent to {PHONE}", who={{"number": "{CITIZEN}", "numbers": [{PHONE}, ("{PHONE}",)]}}, place="411622102201")
logging.getLogger("theirs").warning("calling %s", "{PHONE}")
logging.getLogger("httpx").info("GET /?phone={PHONE}")
logging.getLogger("sqlalchemy.engine.Engine").info("[{CITIZEN}]")
logging.getLogger("theirs").warning("%d", "ZhangSan {PHONE}")
def work(name):
    secret = "{CITIZEN}"
    raise IntegrityError("INSERT INTO officer", {{"name": name}}, ValueError("Key (name)=(ZhangSan) already exists"))
try:
    work("ZhangSan")
except IntegrityError:
    log.exception("failed")
work("ZhangSan")
"""


def test_a_process_writes_json_lines_without_personal_data() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == [
        "sent to [phone number]",
        "calling [phone number]",
        "failed",
        "the process ends: unexpected error",
    ]
    assert all(line["service"] == "tiny" and line["request_id"] == "request-1" for line in lines)
    assert all(line["traceparent"].startswith("00-") and line["timestamp"] and line["level"] for line in lines)
    assert lines[0]["who"] == {"number": "[citizen number]", "numbers": ["[phone number]", ["[phone number]"]]}
    assert lines[0]["place"] == "411622102201"
    assert "in work" in lines[2]["exception"]
    assert "INSERT INTO officer" in lines[2]["exception"]
    for secret in (CITIZEN, PHONE, "already exists"):
        assert secret not in done.stdout + done.stderr


def test_an_exception_tells_its_causes_and_no_local_variables() -> None:
    def fail() -> None:
        local = "a local secret"
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise RuntimeError(f"outer {len(local)}") from error

    with pytest.raises(RuntimeError) as raised:
        fail()
    rendered = render_exception(raised.value)
    assert rendered.index("KeyError: 'inner'") < rendered.index("RuntimeError: outer 14")
    assert "in fail" in rendered


ZEROS = f"00-{'0' * 32}-{'1' * 16}-01"
FUTURE = f"ff-{'1' * 32}-{'1' * 16}-01"


@pytest.mark.parametrize("header", [None, "", "00-0-0-01", ZEROS, FUTURE])
def test_a_trace_that_is_none_is_begun_anew(header: str | None) -> None:
    first, second = continue_trace(header), continue_trace(header)
    assert first.split("-")[1] != second.split("-")[1]
    assert current_traceparent() == second


def test_a_trace_goes_on_with_a_step_of_its_own() -> None:
    given = f"00-{'a' * 32}-{'b' * 16}-00"
    version, trace, step, flags = continue_trace(given).split("-")
    assert (version, trace, flags) == ("00", "a" * 32, "00")
    assert step != "b" * 16
