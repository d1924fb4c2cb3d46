"""Problems of acts about others' work: verdicts, certificates, rosters, and what is read of them."""

from datetime import datetime
from uuid import UUID

from shared.web.problems import Problem


class ReasonRequired(Problem):
    """Changing what was decided, or what a day gone by looked like, needs a reason code."""

    status = 422
    code = "fieldwork.reason_required"
    title = "须说明原因"


class VerifierIsAuthor(Problem):
    """A-201: nobody confirms his own work."""

    status = 403
    code = "fieldwork.verifier_is_author"
    title = "不能核实本人的活动"


class VerifierWasPresent(Problem):
    """C-31: who was present as the officer does not confirm what happened."""

    status = 403
    code = "fieldwork.verifier_was_present"
    title = "不能核实本人在场的活动"


class ReplacerNotAbove(Problem):
    """A verdict is replaced by who gave it, or by a post above his."""

    status = 403
    code = "fieldwork.replacer_not_above"
    title = "无权更改该核实结论"


class NotTheStation(Problem):
    """The person belongs neither to the responsible station nor, where that is enough, to an organ above it."""

    status = 403
    code = "fieldwork.not_the_station"
    title = "不是责任派出所的人员"


class PostMayNotAct(Problem):
    """The person is of the office, and his post decides about nobody's work."""

    status = 403
    code = "fieldwork.post_may_not_act"
    title = "岗位无此权限"


class OwnSheet(Problem):
    """A-202: the certificate would feed the certifier's own sheet."""

    status = 403
    code = "fieldwork.own_sheet"
    title = "不能为本人任职的村出具证明"


class OwnRoster(Problem):
    """Nobody puts himself on duty, or confirms a correction that is his own or about himself."""

    status = 403
    code = "fieldwork.own_roster"
    title = "不能办理本人的值班登记"


class RosterContradicted(Problem):
    """Another word about the same day waits to be confirmed, or came in the same batch."""

    status = 409
    code = "fieldwork.roster_contradicted"
    title = "当日已有另一值班登记"


class RosterDecided(Problem):
    """The correction was confirmed or refused before, or held without it."""

    status = 409
    code = "fieldwork.roster_decided"
    title = "该更正已办理"


class RosterNotFound(Problem):
    """No such correction, or outside one's jurisdiction."""

    status = 404
    code = "fieldwork.roster_not_found"
    title = "未找到该值班更正"

    def __init__(self) -> None:
        super().__init__("请核对更正编号")


class AlreadyDecided(Problem):
    """A verdict stands: name it in `replaces` to change it."""

    status = 409
    code = "fieldwork.already_decided"
    title = "该活动已有核实结论"

    def __init__(self, verdict_id: UUID, verdict: str, decided_at: datetime) -> None:
        super().__init__(
            "如确需更改,请由原核实人或更高岗位在 replaces 中写明现有结论的编号并给出原因",
            verdict_id=str(verdict_id),
            verdict=verdict,
            decided_at=decided_at,
        )


class Superseded(Problem):
    """Its author has entered it anew: decide about the newer one."""

    status = 409
    code = "fieldwork.superseded"
    title = "该活动已被新的登记取代"


class NothingToReplace(Problem):
    """`replaces` names a verdict, and none stands."""

    status = 409
    code = "fieldwork.nothing_to_replace"
    title = "没有可更改的核实结论"


class AlreadyCertified(Problem):
    """A certificate for this village, matter and month is in force."""

    status = 409
    code = "fieldwork.already_certified"
    title = "该村当月已有证明"


class AlreadyRevoked(Problem):
    """The certificate was revoked before."""

    status = 409
    code = "fieldwork.already_revoked"
    title = "该证明已撤销"


class ActivityNotFound(Problem):
    """No such activity, or outside one's jurisdiction or clearance: the answer does not tell which."""

    status = 404
    code = "fieldwork.activity_not_found"
    title = "未找到该活动"

    def __init__(self) -> None:
        super().__init__("请核对活动编号")


class CertificateNotFound(Problem):
    """No such certificate, or outside one's jurisdiction."""

    status = 404
    code = "fieldwork.certificate_not_found"
    title = "未找到该证明"


class StationNotFound(Problem):
    """No such organisation here, or outside one's jurisdiction."""

    status = 404
    code = "fieldwork.station_not_found"
    title = "未找到该单位"


class CountyRequired(Problem):
    """The token covers more than one county: say whose feed is meant."""

    status = 422
    code = "fieldwork.county_required"
    title = "须指明县级区划"
