"""Validation errors in Chinese: where and what to change, never what was sent (it may be personal data)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast, get_args

from fastapi.exceptions import RequestValidationError
from pydantic_core.core_schema import ErrorType
from starlette.requests import Request
from starlette.responses import Response

from shared.web.problems import InvalidRequest, MalformedJson, Problem, problem_response
from shared.web.shapes import SHAPES

SHOWN = 100

_KNOWN_TYPES = frozenset(get_args(ErrorType))
MOST_VALUES = 10
_BETWEEN = re.compile(r", | or ")
_BOUND = re.compile(r"datetime\.(?:date|datetime)\(([0-9]+), ([0-9]+), ([0-9]+)")
"""How pydantic shows the first or last day that it takes."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9-]{0,60}")
_OTHERWISE = "这一项不符合要求,请按接口文档修改"

# The placeholders are limits of ours; pydantic's other context (union tags, parser texts) repeats the input.
_MESSAGES = {
    "missing": "缺少这一项,请补上",
    "extra_forbidden": "没有这个字段,请删去或改正名称",
    "string_type": "应为文本",
    "string_too_short": "文本太短,至少 {min_length} 个字符",
    "string_too_long": "文本太长,至多 {max_length} 个字符",
    "string_pattern_mismatch": "格式不对,应为{shape}",
    "string_unicode": "文本含有无效字符,请用 UTF-8",
    "too_short": "项数太少,至少 {min_length} 项",
    "too_long": "项数太多,至多 {max_length} 项,请分批提交",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "应不小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "应不大于 {le}",
    "multiple_of": "应为 {multiple_of} 的倍数",
    "enum": "只能是 {expected} 之一",
    "literal_error": "只能是 {expected} 之一",
    "union_tag_invalid": "类型标记只能是 {expected_tags} 之一",
    "union_tag_not_found": "缺少类型标记,请补上",
    "list_type": "应为数组",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
    "dict_type": "应为对象",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_from_float": "应为整数,不能有小数",
    "int_parsing_size": "整数太大",
    "float_type": "应为数字",
    "float_parsing": "应为数字",
    "finite_number": "应为有限的数字",
    "decimal_type": '应为十进制数,写成文本,如 "1.5"',
    "decimal_parsing": '应为十进制数,写成文本,如 "1.5"',
    "decimal_max_digits": "数字太长,至多 {max_digits} 位",
    "decimal_max_places": "小数太长,至多 {decimal_places} 位小数",
    "decimal_whole_digits": "整数部分太长,至多 {whole_digits} 位",
    "date_type": "应为日期,如 2026-10-01",
    "date_parsing": "应为日期,如 2026-10-01",
    "date_from_datetime_parsing": "应为日期,如 2026-10-01",
    "date_from_datetime_inexact": "应为日期,不带时刻,如 2026-10-01",
    "datetime_type": "应为带时区的时刻,如 2026-10-01T08:00:00+08:00",
    "datetime_parsing": "应为带时区的时刻,如 2026-10-01T08:00:00+08:00",
    "datetime_from_date_parsing": "应为带时区的时刻,如 2026-10-01T08:00:00+08:00",
    "timezone_aware": "时刻缺少时区,如 2026-10-01T08:00:00+08:00",
    "uuid_type": "应为 UUID",
    "uuid_parsing": "应为 UUID",
    "uuid_version": "UUID 版本应为 {expected_version}",
    "url_type": "应为网址",
    "url_parsing": "应为网址",
    "url_scheme": "网址应以 {expected_schemes} 开头",
}


def fault_list(faults: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """pydantic's errors as `[{pointer, message}]`, the first hundred of them."""
    return [{"pointer": pointer(fault["loc"]), "message": _message(fault)} for fault in faults[:SHOWN]]


async def on_invalid_request(_: Request, error: Exception) -> Response:
    """Exception handler: 400 for what is no JSON, 422 for what does not fit."""
    refused = cast(RequestValidationError, error)
    return problem_response(_problem(refused.errors(), refused.body))


def _problem(faults: Sequence[Mapping[str, Any]], body: Any) -> Problem:
    # The framework hands on as bytes what was not sent as JSON, and only a CSV route takes bytes.
    if isinstance(body, bytes) and any(fault["loc"][0] == "body" for fault in faults):
        header = {"pointer": "header:Content-Type", "message": "应为 application/json"}
        return InvalidRequest("请加上请求头 Content-Type: application/json 后重发", errors=[header])
    if faults[0]["type"] == "json_invalid":
        return MalformedJson("请检查 JSON 语法后重发", position=faults[0]["loc"][-1])
    return InvalidRequest(f"共 {len(faults)} 处需要修改,见 errors", errors=fault_list(faults))


def pointer(loc: Sequence[str | int]) -> str:
    """JSON pointer into the body, or `query:limit`; a key the caller invented is shown only if it looks like a name."""
    parts = [str(part) if isinstance(part, int) or _NAME.fullmatch(part) else "*" for part in loc]
    if parts and parts[0] in ("query", "path", "header", "cookie"):
        return f"{parts[0]}:{'/'.join(parts[1:])}"
    return "".join(f"/{part}" for part in (parts[1:] if parts[:1] == ["body"] else parts))


def _message(fault: Mapping[str, Any]) -> str:
    if fault["type"] not in _KNOWN_TYPES:
        # A PydanticCustomError: the text is ours.
        return str(fault["msg"])
    return _MESSAGES.get(fault["type"], _OTHERWISE).format_map(_in_words(fault.get("ctx") or {}))


def _in_words(context: Mapping[str, Any]) -> dict[str, Any]:
    """pydantic's context as people read it: shapes, not patterns; days, not code; lists of values that have an end."""
    words = dict(context)
    for name, bound in context.items():
        if first := _BOUND.match(str(bound)):
            words[name] = "{:0>4}-{:0>2}-{:0>2}".format(*first.groups())
    words["shape"] = SHAPES.get(str(context.get("pattern")), "接口文档所写的格式")
    for name in ("expected", "expected_tags", "expected_schemes"):
        if name in context:
            words[name] = one_of(value.strip("'") for value in _BETWEEN.split(str(context[name])))
    return words


def one_of(values: Iterable[str]) -> str:
    """Values to choose from, the first ten of them."""
    shown = list(values)
    more = f"等 {len(shown)} 种" if len(shown) > MOST_VALUES else ""
    return "、".join(shown[:MOST_VALUES]) + more
