"""Everything that can go wrong, told as RFC 9457 problems with stable codes and Chinese titles."""

from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.responses import Response

from shared.observability.tracing import current_request_id
from shared.web.json import to_json

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """Base of all problems. `code` is stable; `title` and `detail` are Chinese, and `detail` says what to do."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "系统内部错误"
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, detail: str, **members: Any) -> None:
        super().__init__(self.code)
        self.detail = detail
        self.members = members

    def as_dict(self) -> dict[str, Any]:
        """The problem's members; also used for single items of a batch."""
        return {
            "type": f"urn:cunjing:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.members,
        }


class Internal(Problem):
    """An error of ours: the last resort."""

    def __init__(self) -> None:
        super().__init__("请稍后重试;如仍失败,请把 request_id 告诉运维人员")


class MalformedJson(Problem):
    """The body is no JSON."""

    status = 400
    code = "malformed_json"
    title = "请求内容不是有效的 JSON"


class InvalidRequest(Problem):
    """Well-formed, but not what the route takes; `errors` names each place."""

    status = 422
    code = "invalid_request"
    title = "请求内容不符合要求"


class UnstorableText(Problem):
    """A NUL or half a surrogate pair: PostgreSQL cannot keep it."""

    status = 400
    code = "unstorable_text"
    title = "内容含有无法保存的字符"


class InvalidCursor(Problem):
    """A page position we did not give out."""

    status = 400
    code = "invalid_cursor"
    title = "分页位置无效"


class BodyTooLarge(Problem):
    """Larger than the limit, as sent or once decompressed."""

    status = 413
    code = "body_too_large"
    title = "请求内容过大"


class BodyTooSlow(Problem):
    """Did not arrive whole in time."""

    status = 408
    code = "body_too_slow"
    title = "请求内容未按时发完"


class TooManyBodies(Problem):
    """The process holds as many bytes of bodies as it may."""

    status = 503
    code = "too_many_bodies"
    title = "同时处理的内容过多"
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "2"}


class OverShare(Problem):
    """Others wait, and this county or client has its share of the places already."""

    status = 429
    code = "over_share"
    title = "请求过多"
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "2"}


class HeadTooLarge(Problem):
    """Too many headers, or too long ones."""

    status = 431
    code = "head_too_large"
    title = "请求头过多或过长"


class ContentTooLarge(Problem):
    """One thing in the request is larger than a fact may be."""

    status = 422
    code = "content_too_large"
    title = "单项内容过大"


class UnsupportedEncoding(Problem):
    """A Content-Encoding other than gzip."""

    status = 415
    code = "unsupported_encoding"
    title = "不支持的压缩方式"


class MalformedEncoding(Problem):
    """Said to be gzip and is not, or is cut off."""

    status = 400
    code = "malformed_encoding"
    title = "压缩内容已损坏"


class Unavailable(Problem):
    """The database cannot take the request now, or its answer was lost; `detail` says whether anything was kept."""

    status = 503
    code = "unavailable"
    title = "服务暂时不可用"
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "2"}


class BacklogFull(Problem):
    """Too many facts wait for the broker; reading goes on."""

    status = 503
    code = "backlog_full"
    title = "待发事实过多"
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "60"}


class NotReady(Problem):
    """Not ready for traffic; `failing` names each check."""

    status = 503
    code = "not_ready"
    title = "服务尚未就绪"


class NotFound(Problem):
    """No such address, no such thing, or outside one's jurisdiction: the answer does not tell which."""

    status = 404
    code = "not_found"
    title = "未找到"


class MethodNotAllowed(Problem):
    """The address exists, the method does not."""

    status = 405
    code = "method_not_allowed"
    title = "不支持的请求方法"


def problem_response(problem: Problem, extra_headers: Mapping[str, str] | None = None) -> Response:
    """The problem as an HTTP answer, with the request id."""
    body = to_json(problem.as_dict() | {"request_id": current_request_id()})
    headers = {**problem.headers, **(extra_headers or {})}
    return Response(body, problem.status, headers, MEDIA_TYPE)
