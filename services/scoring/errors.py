"""The problems of scoring."""

from datetime import datetime

from shared.web.problems import Problem


class SheetNotFound(Problem):
    """No such sheet, or outside the caller's jurisdiction: the answer does not tell which."""

    status = 404
    code = "scoring.sheet_not_found"
    title = "没有这份评分表"


class NoOfficerInToken(Problem):
    """A route about oneself, called with a token that names no officer."""

    status = 403
    code = "scoring.no_officer_in_token"
    title = "令牌中没有人员身份"


class MeasurePeriodUndecided(Problem):
    """Nobody decided which days one sheet covers (C-08); `withheld` lists what has to be decided."""

    status = 409
    code = "scoring.measure_period_undecided"
    title = "考核计量期尚未明确"


class PageLinkInvalid(Problem):
    """A link to a printable page that we did not give out, or that was changed."""

    status = 403
    code = "scoring.page_link_invalid"
    title = "打印链接无效"


class PageLinkExpired(Problem):
    """A link to a printable page that is older than a quarter of an hour."""

    status = 410
    code = "scoring.page_link_expired"
    title = "打印链接已过期"


class SchemeUnusable(Problem):
    """The scheme's files have faults; nothing is computed by them until they are mended."""

    status = 503
    code = "scoring.scheme_unusable"
    title = "考核方案文件有误"

    def __init__(self) -> None:
        super().__init__("请管理员用 cunjing schemes check 查明并改正,再重启本服务")


class SchemeUnknown(Problem):
    """No rubric of this name is in use here."""

    status = 404
    code = "scoring.scheme_unknown"
    title = "没有这个考核方案"


class DivisionUnknown(Problem):
    """No such division, or neither inside the caller's jurisdiction nor around it: the answer does not tell which."""

    status = 404
    code = "scoring.division_unknown"
    title = "没有这个区划"


class SheetFailed(Problem):
    """The sheet could not be computed; `reason` names the kind of error, `next_try` says when it is tried again."""

    status = 503
    code = "scoring.sheet_failed"
    title = "评分表暂时无法计算"

    def __init__(self, reason: str, next_try: datetime) -> None:
        super().__init__("系统会自动重试;持续出现时请联系运维并提供 reason", reason=reason, next_try=next_try)
