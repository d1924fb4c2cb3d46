"""Problems of fieldwork, most of them about one item of a batch; codes are stable, titles and details Chinese."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.web.problems import Problem


class InvalidItem(Problem):
    """The item is not what its type takes; `errors` names each place and never what was sent."""

    status = 422
    code = "fieldwork.invalid_item"
    title = "条目不符合要求"


class UnknownKind(Problem):
    """No scheme of the village's jurisdiction has this kind."""

    status = 422
    code = "fieldwork.unknown_kind"
    title = "方案中没有这种活动"


class DetailsInvalid(Problem):
    """The details do not fit the kind."""

    status = 422
    code = "fieldwork.details_invalid"
    title = "活动明细不符合要求"


class PersonalData(Problem):
    """A citizen or phone number where only labels and codes belong: it would travel in a fact."""

    status = 422
    code = "fieldwork.personal_data"
    title = "明细中含有个人信息"


class InTheFuture(Problem):
    """Later than a phone that is a few minutes fast explains."""

    status = 422
    code = "fieldwork.in_the_future"
    title = "时间在将来"


class TooLate(Problem):
    """Entered after the days that the scheme gives."""

    status = 422
    code = "fieldwork.too_late"
    title = "超过登记期限"


class EndsBeforeItBegins(Problem):
    """The end lies before the beginning."""

    status = 422
    code = "fieldwork.ends_before_it_begins"
    title = "结束早于开始"


class SessionTooLong(Problem):
    """A departure so long after its arrival that it is another session's."""

    status = 422
    code = "fieldwork.session_too_long"
    title = "驻村时段过长"


class OfficerPresenceRequired(Problem):
    """C-31: restricted work needs the police officer who was present."""

    status = 422
    code = "fieldwork.officer_presence_required"
    title = "须有民警在场"


class QuantityAboveClaimed(Problem):
    """A verifier may count less than was entered, never more."""

    status = 422
    code = "fieldwork.quantity_above_claimed"
    title = "核实数量超过登记数量"


class ReasonRequired(Problem):
    """Changing what was decided, or what a day gone by looked like, needs a reason code."""

    status = 422
    code = "fieldwork.reason_required"
    title = "须说明原因"


class OfficerUnknown(Problem):
    """Nobody the token may list is called so; everything personnel said is known here."""

    status = 422
    code = "fieldwork.officer_unknown"
    title = "没有这名人员"


class StationUnknown(Problem):
    """No station is responsible there; everything personnel said is known here."""

    status = 422
    code = "fieldwork.station_unknown"
    title = "没有负责的派出所"


class VillageUnknown(Problem):
    """No village of the token's division is called so; everything personnel said is known here."""

    status = 422
    code = "fieldwork.village_unknown"
    title = "没有这个村(社区)"


class SchemeUnknown(Problem):
    """No scheme applied there on that day; everything personnel said is known here."""

    status = 422
    code = "fieldwork.scheme_unknown"
    title = "当日没有适用的方案"


class NotKnownYet(Problem):
    """The item names something that has not arrived here: the same item succeeds later.

    `named` is what it calls it. Once everything is known here that its publisher said, it is `certain`.
    """

    status = 409
    title = "相关资料尚未同步"
    certain: ClassVar[type[Problem] | None] = None

    def __init__(self, named: UUID | str | None = None) -> None:
        super().__init__("请稍后原样重发", retryable=True)
        self.named = named


class OfficerUnknownYet(NotKnownYet):
    """No such officer here so far."""

    code = "fieldwork.officer_unknown_yet"
    certain = OfficerUnknown


class StationUnknownYet(NotKnownYet):
    """Nobody has said here where the officer or the village belongs."""

    code = "fieldwork.station_unknown_yet"
    certain = StationUnknown


class VillageUnknownYet(NotKnownYet):
    """No such village here so far."""

    code = "fieldwork.village_unknown_yet"
    certain = VillageUnknown


class SchemeUnknownYet(NotKnownYet):
    """Nobody has said here which scheme the village's jurisdiction runs on that day."""

    code = "fieldwork.scheme_unknown_yet"
    certain = SchemeUnknown


class SchemeBroken(NotKnownYet):
    """The files of the scheme that governs there have faults; what it rules waits until somebody mends them."""

    code = "fieldwork.scheme_broken"


class SessionUnknownYet(NotKnownYet):
    """The arrival this departure belongs to has not come."""

    code = "fieldwork.session_unknown_yet"


class ContentConflict(Problem):
    """The id is used for other content; nothing was changed."""

    status = 409
    code = "fieldwork.content_conflict"
    title = "同一编号的内容不同"

    def __init__(self) -> None:
        super().__init__("此编号已用于另一内容,原记录未改动;如为新记录请换一个编号")


class ItemUnknownYet(NotKnownYet):
    """What is to be withdrawn has not come."""

    code = "fieldwork.item_unknown_yet"


class AlreadyEnded(Problem):
    """The item was corrected, withdrawn or rejected before; `ended_by` names what did it."""

    status = 409
    code = "fieldwork.already_ended"
    title = "该登记已被更正、撤回或不予认定"


class AlreadyCorrected(Problem):
    """Another correction of the same version came first; `corrected_by` names it."""

    status = 409
    code = "fieldwork.already_corrected"
    title = "该登记已有更正"


class CorrectsItself(Problem):
    """An item cannot take its own place."""

    status = 422
    code = "fieldwork.corrects_itself"
    title = "更正不能指向自身"


class CorrectsAnothers(Problem):
    """Only whoever entered something corrects or withdraws it (A-210)."""

    status = 403
    code = "fieldwork.corrects_anothers"
    title = "只能更正或撤回本人的登记"


class CorrectsElsewhere(Problem):
    """A correction stays in the county of what it corrects: no county's work is changed from another."""

    status = 422
    code = "fieldwork.corrects_elsewhere"
    title = "更正不能跨县"


class SessionClosed(Problem):
    """The session has another departure already."""

    status = 409
    code = "fieldwork.session_closed"
    title = "该驻村时段已结束"


class OutsideJurisdiction(Problem):
    """The village is outside the token's division; whether it exists is not told."""

    status = 404
    code = "fieldwork.outside_jurisdiction"
    title = "不在管辖范围内"

    def __init__(self) -> None:
        super().__init__("请使用该地的令牌提交")


class BadgeShared(Problem):
    """Several officers in service have this badge."""

    status = 422
    code = "fieldwork.badge_shared"
    title = "警号对应多名人员"

    def __init__(self) -> None:
        super().__init__("请改用 {id} 指明人员")


class NotInService(Problem):
    """The officer had not begun, has left, or his account is closed, on the day of the act."""

    status = 422
    code = "fieldwork.not_in_service"
    title = "该人员当日不在岗"

    def __init__(self) -> None:
        super().__init__("该人员当日尚未到岗、已离岗或账号已停用;请核对人员和日期")


class VillageEnded(Problem):
    """The village had ended before the day of the act."""

    status = 422
    code = "fieldwork.village_ended"
    title = "该村当日已撤并"

    def __init__(self) -> None:
        super().__init__("该村在当日之前已撤并;请核对日期,或改用现行区划代码")


class ForeignNameShared(Problem):
    """Asked from above a county, the foreign name means villages or items of several counties."""

    status = 422
    code = "fieldwork.foreign_name_shared"
    title = "该外部编号在多个县使用"

    def __init__(self) -> None:
        super().__init__("请改用区划代码或本平台给出的编号,或使用该县的令牌")


class ForeignNameTaken(Problem):
    """The foreign name is registered for a village of the county that is outside the token's division."""

    status = 409
    code = "fieldwork.foreign_name_taken"
    title = "该外部编号已由其他地区登记"

    def __init__(self) -> None:
        super().__init__("原登记未改动;请核对编号,或由原登记地区更改")


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
