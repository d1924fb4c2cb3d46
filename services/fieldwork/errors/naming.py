"""Problems of what an item names: unknown, not known yet, ended, shared, or none of the caller's business."""

from typing import ClassVar
from uuid import UUID

from shared.web.problems import Problem


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


class ItemUnknownYet(NotKnownYet):
    """What is to be withdrawn has not come."""

    code = "fieldwork.item_unknown_yet"


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
