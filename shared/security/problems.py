"""Problems of identity and permission."""

from collections.abc import Mapping
from typing import ClassVar

from shared.web.problems import Problem

_BEARER = {"WWW-Authenticate": "Bearer"}


class TokenMissing(Problem):
    """No bearer token was sent."""

    status = 401
    code = "token_missing"
    title = "缺少访问令牌"
    headers: ClassVar[Mapping[str, str]] = _BEARER


class TokenExpired(Problem):
    """The token was good and is too old."""

    status = 401
    code = "token_expired"
    title = "访问令牌已过期"
    headers: ClassVar[Mapping[str, str]] = _BEARER


class TokenInvalid(Problem):
    """Wrong signature, issuer, audience or claims; which of them is logged, not told."""

    status = 401
    code = "token_invalid"
    title = "访问令牌无效"
    headers: ClassVar[Mapping[str, str]] = _BEARER


class TokenTooLong(Problem):
    """The token is good for more than a year."""

    status = 401
    code = "token_too_long"
    title = "访问令牌有效期过长"
    headers: ClassVar[Mapping[str, str]] = _BEARER


class ScopeMissing(Problem):
    """The token does not carry the scope of the route."""

    status = 403
    code = "scope_missing"
    title = "没有这项权限"


class ActAsRequired(Problem):
    """Acting for somebody else needs the scope `act-as`, deciding in his place `act-as:verify`."""

    status = 403
    code = "act_as_required"
    title = "不能代他人操作"


class IdentityUnavailable(Problem):
    """The signing keys of the identity provider cannot be read."""

    status = 503
    code = "identity_unavailable"
    title = "暂时无法验证身份"
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "10"}
