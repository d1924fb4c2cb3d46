"""Problems of intel; codes are stable, titles and details Chinese."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.web.problems import Problem

NAMED = 10
"""So many allowed values are named at most."""

_FIELD = {"reporter": "reporter", "village": "village", "scheme": "village"}
_UNKNOWN = {
    "reporter": "没有这名人员,请核对警号或编号后重发",
    "village": "没有这个村(社区),请核对代码后重发",
    "scheme": "该村(社区)没有适用的方案,请核对代码后重发",
}
_WRONG = {"missing": "缺失", "malformed": "格式不对", "no_match": "与内容不符"}


class NotKnownYet(Problem):
    """The officer, village or scheme has not arrived here: the same request succeeds later."""

    status = 409
    code = "intel.not_known_yet"
    title = "相关资料尚未同步"

    def __init__(self, detail: str, missing: str) -> None:
        super().__init__(detail, retryable=True, missing=missing)


class Unknown(Problem):
    """Nobody of the token's jurisdiction is called so, or no scheme applies; all that personnel said is known here."""

    status = 422
    code = "intel.unknown"
    title = "没有这一人员、村(社区)或方案"

    def __init__(self, field: str, nearest: Sequence[Any]) -> None:
        told: dict[str, Any] = {"nearest": list(nearest)} if nearest else {}
        super().__init__(_UNKNOWN[field], errors=[{"pointer": f"/{_FIELD[field]}", "message": _UNKNOWN[field]}], **told)


class NotInService(Problem):
    """The reporter had left on that day."""

    status = 422
    code = "intel.not_in_service"
    title = "人员当日不在岗"


class VillageEnded(Problem):
    """The village had ended before that day."""

    status = 422
    code = "intel.village_ended"
    title = "该村(社区)已撤并"


class BadgeShared(Problem):
    """Several officers in service have the badge: nobody knows who is meant."""

    status = 409
    code = "intel.badge_shared"
    title = "警号重复"


class ReportConflict(Problem):
    """The id is used for a report with other content; nothing was changed."""

    status = 409
    code = "intel.report_conflict"
    title = "同一编号的上报内容不同"


class ReportNotFound(Problem):
    """No such report, or outside one's jurisdiction or clearance: the answer does not tell which."""

    status = 404
    code = "intel.report_not_found"
    title = "未找到该上报"


class VillageNotFound(Problem):
    """The village is outside the token's jurisdiction."""

    status = 404
    code = "intel.village_not_found"
    title = "未找到该村(社区)"


class UnitUnknown(Problem):
    """Nobody has told of such an organisation."""

    status = 422
    code = "intel.unit_unknown"
    title = "没有这个单位"


class OrderMoved(Problem):
    """The report has another order by now; `order_id` names it."""

    status = 409
    code = "intel.order_moved"
    title = "派单已变动"


class AlreadyClosed(Problem):
    """The report is closed or taken back: there is nothing to order."""

    status = 409
    code = "intel.already_closed"
    title = "上报已办结"


class MatterNotFound(Problem):
    """Nothing of such a matter that the caller may see."""

    status = 404
    code = "intel.matter_not_found"
    title = "未找到该事项"


class StationNotFound(Problem):
    """No such organisation here, or outside one's jurisdiction."""

    status = 404
    code = "intel.station_not_found"
    title = "未找到该单位"


class EndpointNotFound(Problem):
    """The station has no endpoint."""

    status = 404
    code = "intel.endpoint_not_found"
    title = "该单位没有接收地址"


class DeliveryNotFound(Problem):
    """Nothing with this id was to be sent to the station."""

    status = 404
    code = "intel.delivery_not_found"
    title = "未找到该投递"


class UnknownCode(Problem):
    """The scheme has no such kind, category or sign; those that it has are named."""

    status = 422
    code = "intel.unknown_code"
    title = "方案中没有这个代码"

    def __init__(self, pointer: str, allowed: Mapping[str, str]) -> None:
        named = "、".join(f"{code}({label})" for code, label in list(allowed.items())[:NAMED])
        more = "" if len(allowed) <= NAMED else f" 等 {len(allowed)} 项,全部见方案 intel.yaml"
        super().__init__(
            "请改用方案中的代码,见 errors", errors=[{"pointer": pointer, "message": f"可用:{named}{more}"}]
        )


class InTheFuture(Problem):
    """A time later than a wrong clock explains."""

    status = 422
    code = "intel.in_the_future"
    title = "时间在将来"


class BeforeTheOrder(Problem):
    """A time at which the station had no order yet."""

    status = 422
    code = "intel.before_the_order"
    title = "时间早于派单"


class OfficerRequired(Problem):
    """The token belongs to no officer, and the question is about one's own reports."""

    status = 422
    code = "intel.officer_required"
    title = "需要指明警员"


class AddressRefused(Problem):
    """The endpoint's address may not be called; `reason` says why."""

    status = 422
    code = "intel.address_refused"
    title = "不允许的接收地址"


class SecretUnusable(Problem):
    """The secret is none of Standard Webhooks."""

    status = 422
    code = "intel.secret_unusable"
    title = "签名密钥格式不对"


class SignatureWrong(Problem):
    """Nothing proves that the call comes from the station; `header` and `reason` say what is wrong with it."""

    status = 401
    code = "intel.signature_wrong"
    title = "签名无效"

    def __init__(self, header: str, reason: str) -> None:
        super().__init__(
            f"请求头 {header} {_WRONG[reason]};请用本单位的密钥对原始请求内容按 Standard Webhooks 签名",
            header=header,
            reason=reason,
        )


class SignatureOld(Problem):
    """Genuine, but outside the tolerance; `seconds_off` is positive when the call lies in the past."""

    status = 401
    code = "intel.signature_old"
    title = "签名时间超出允许范围"

    def __init__(self, seconds_off: int, tolerance: int) -> None:
        super().__init__(
            f"签名时间与本机相差 {seconds_off} 秒,允许 {tolerance} 秒;请校准时钟并重新签名",
            seconds_off=seconds_off,
            tolerance_seconds=tolerance,
        )


class OrderNotFound(Problem):
    """The station has no such order."""

    status = 404
    code = "intel.order_not_found"
    title = "未找到该派单"


class CallbackConflict(Problem):
    """The webhook-id was used for another body; nothing was changed."""

    status = 409
    code = "intel.callback_conflict"
    title = "同一 webhook-id 的内容不同"
