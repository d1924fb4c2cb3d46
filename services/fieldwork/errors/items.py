"""Problems of one item: what is entered, corrected, withdrawn; codes are stable, titles and details Chinese."""

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


class ContentConflict(Problem):
    """The id is used for other content; nothing was changed."""

    status = 409
    code = "fieldwork.content_conflict"
    title = "同一编号的内容不同"

    def __init__(self) -> None:
        super().__init__("此编号已用于另一内容,原记录未改动;如为新记录请换一个编号")


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
