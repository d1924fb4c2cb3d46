"""Chinese sentences an officer can read, from figures and codes alone."""

from collections.abc import Mapping
from decimal import Decimal

from services.scoring.rules.sheet import LineResult, Number
from services.scoring.rules.workdays import missing_year

NOT_CONNECTED = "本项所需数据暂无来源,暂不计分"
WITHHELD = "本项待明确后计分({rules})"
NO_YEAR = "缺少{year}年的工作日历,不能判定是否在期限内"

# Reasons every rubric has; a scheme names its own in scoring.yaml.
REASONS: Mapping[str, str] = {
    "not_verified": "尚未核实",
    "rejected": "核实未通过",
    "outside_assignment": "不在本人驻村范围或期间",
    "repeat": "同一对象同月重复",
    "same_matter": "同一事项已计",
    "other_period": "计入其他考核期",
    "too_late": "上报不及时",
    "incomplete": "尚未办结或材料不全",
    "cap": "已满分",
    "late": "超过规定时限",
    "unmeasured": "尚无测评结果,暂不计分",
    "no_dates": "缺少起止时间",
    "dates_reversed": "起止时间颠倒",
    "reading_undecided": "计分规则待明确",
    "other_unit": "计量单位不符",
    "item_not_scored": "本项不记分",
    "once_per_appraisal": "每个考核期只计一次",
    "conflict_with_matter": "当月已有登记事项,与无事核实相矛盾",
}

NOTICES: Mapping[str, str] = {
    "certificate_beside_matter": "当月既有派出所无事核实,又有登记事项,请派出所核对",
    "fewer_points_than_a_quiet_month": "按字面读法,化解后得分低于无事月份,请方案制定单位确认",
    "total_without_some_lines": "总分未含暂不计分的项目",
}


def sentences(line: LineResult) -> list[str]:
    """Say in the scheme's own words how a line came to its points."""
    if line.status == "not_connected":
        return [NOT_CONNECTED]
    said = [figure.template.format_map(_written(figure.numbers)) for figure in line.figures if figure.template]
    said += [reason(code, {}) for code in line.lacking]
    return [*said, WITHHELD.format(rules="、".join(line.open))] if line.open else said


def reason(code: str, of_scheme: Mapping[str, str]) -> str:
    """Say why a fact does not count, or what is lacking to count it."""
    if year := missing_year(code):
        return NO_YEAR.format(year=year)
    return of_scheme.get(code) or REASONS.get(code) or code


def _written(numbers: Mapping[str, Number]) -> dict[str, str]:
    return {name: written(number) for name, number in numbers.items()}


def written(number: Number) -> str:
    """Write a number as people do: 1.5, 20, never 2E+1."""
    if isinstance(number, int):
        return str(number)
    text = f"{number.normalize():f}" if isinstance(number, Decimal) else str(number)
    return "0" if text == "-0" else text
