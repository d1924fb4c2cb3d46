"""What became of a report, in one Chinese sentence for the person who reported it (I-307)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.intel.rules.matters import REPEATED, TAKEN_BACK
from shared.clock import SHANGHAI

OUTCOMES = {
    "resolved": "已化解",
    "rectified": "已整改",
    "controlled": "已稳控",
    "transferred": "已移交其他部门",
    "withdrawn": "已撤销",
}
TRUTHS = {"true": "情况属实", "false": "情况不实", "unknown": "情况未能查实"}
ON_RECORD = {
    "filed": "已登记在案,未达到派单条件",
    "received": "已登记在案,{station}已签收",
    "accepted": "已登记在案,{station}已受理,正在处理",
    "returned": "{station}已退回,等待派单",
}
"""Of a report that no order answers."""
STATES = {
    "recorded": "已登记,正在确定由谁处理",
    "filed": "已登记在案,未达到派单条件",
    "awaiting_station": "已登记,尚未查到负责的派出所,系统会继续查找",
    "ordered": "已派给{station},对方尚未签收",
    "received": "已派给{station},对方已签收",
    "accepted": "已派给{station},对方已受理,正在处理",
    "returned": "{station}已退回,等待重新派单",
    REPEATED: "同一事项已由先前的登记上报,不再重复",
    TAKEN_BACK: "已撤销:本人撤回或更正,或所依据的活动登记未获认定",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """What the sentence is made of: the kind in the scheme's own words; outcome and truth only once closed."""

    kind: str
    reported_at: datetime
    state: str
    ordered: bool = False
    station: str | None = None
    outcome: str | None = None
    truth: str | None = None
    closed_at: datetime | None = None
    undelivered: bool = False


def sentence(progress: Progress) -> str:
    """E.g. "10月5日上报的矛盾纠纷:10月6日由城关派出所办结,已化解,情况属实。"."""
    return f"{_day(progress.reported_at)}上报的{progress.kind}:{_rest(progress)}。"


def _rest(progress: Progress) -> str:
    station = progress.station or "派出所"
    if progress.state == "closed" and progress.closed_at:
        found = ",".join(
            [OUTCOMES[progress.outcome or "resolved"], *([TRUTHS[progress.truth]] if progress.truth else [])]
        )
        return f"{_day(progress.closed_at)}由{station}办结,{found}"
    if progress.undelivered:
        return f"派给{station}的通知未能送达,请当面或电话联系派出所"
    states = STATES if progress.ordered else STATES | ON_RECORD
    return states[progress.state].format(station=station)


def _day(instant: datetime) -> str:
    local = instant.astimezone(SHANGHAI)
    return f"{local.month}月{local.day}日"
