"""The result for people, in Chinese, at most 100 columns wide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.result import Json, Result
from shared.clock import SHANGHAI

WIDTH = 100
FACTS_SHOWN = 4


def print_result(console: Console, result: Result) -> None:
    """All sections, one below the other."""
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    console.print(*_sections(result.content), sep="\n")


def _sections(content: Json) -> Iterator[RenderableType]:
    yield _county(content["county"], content["counts"])
    yield from _scoreboard(content["scoreboard"])
    yield from _sheet(content["sheet"])
    yield from _timeline(content["reports"])
    yield from _count_check(content["count_check"])
    yield _note(content["decisions"])
    yield _verdict(content)


def _county(county: Json, counts: Json) -> RenderableType:
    phones, leaders = counts["phones"], counts["leaders"]
    lines = [
        f"{county['name']}({county['code']}) {county['month']}:{county['stations']}个派出所,{county['areas']}个责任区,"
        f"{county['villages']}个村(社区)。民警{county['officers']}人,辅警{county['auxiliaries']}人,"
        f"空缺{county['gaps']}个村(社区)。",
        "按2018年公布的年数折算一个月:" + "、".join(_rate(rate) for rate in counts["rates"]) + "。",
        f"手机上报 {phones['batches']} 批:新增 {phones['created']:,},重复 {phones['duplicate']:,},"
        f"冲突 {phones['conflict']},拒收 {phones['rejected']},暂存重发 {phones['retryable']:,}"
        f"(其中 {phones['given_up']} 条终未收下)。派出所处理 {leaders['created']:,} 条,重复 {leaders['duplicate']:,}。",
    ]
    return Panel("\n".join(lines), title="全县一个月的工作", width=WIDTH)


def _rate(rate: Json) -> str:
    return f"{rate['label']} {rate['month']:,}" + ("" if rate["published"] else "(演示设定)")


def _scoreboard(board: Json) -> Iterator[RenderableType]:
    title = f"{board['scheme']['title']} {board['period']['from']} 至 {board['period']['to']},{board['officers']}人"
    yield _table(title, ("名次", "姓名", "村(社区)", "得分", "等次"), map(_rank, board["top"]))
    yield _table("末位", ("名次", "姓名", "村(社区)", "得分", "等次"), map(_rank, board["bottom"]))
    vacancies = board["vacancies"]
    names = "、".join(village["name"] or village["code"] for village in vacancies)
    yield Panel(names, title=f"无辅警的村(社区):{len(vacancies)}个", width=WIDTH)


def _rank(rank: Json) -> Sequence[str]:
    villages = "、".join(village["name"] or village["code"] for village in rank["villages"])
    grade = " ".join([rank["grade"] or "待定", *rank["vetoes"]])
    return str(rank["rank"]), rank["officer"]["name"], villages, rank["total"], grade


def _sheet(sheet: Json) -> Iterator[RenderableType]:
    title = f"评分表:{sheet['officer']['name']},{sheet['total']}分(满分{sheet['full']}),{sheet['grade'] or '等次待定'}"
    table = _empty_table(title, ("项目", "得分", "说明与依据", "规则"))
    for line in sheet["lines"]:
        table.add_row(*_line(line), end_section=True)
    yield table
    remarks = [hint["text"] for hint in sheet["warnings"]]
    remarks += [f"待明确 {point['rule']} {point['what']}" for point in sheet["withheld"]]
    if remarks:
        yield Text("注:" + ";".join(dict.fromkeys(remarks)))  # two items may carry the same remark


def _line(line: Json) -> Sequence[RenderableType]:
    points = "—" if line["points"] is None else line["points"]
    full = f"/{line['full']}" if line["full"] else ""
    said = Group(line["sentence"] or _STATUS[line["status"]], *_facts(line["facts"]))
    return f"{line['item']} {line['title']}", f"{points}{full}", said, " ".join(line["rules"])


_STATUS = {"computed": "", "withheld": "待方案制定单位明确", "not_connected": "此项事实尚无来源"}


def _facts(facts: Sequence[Json]) -> Iterator[Text]:
    """A few that count and a few that do not: the sheet itself has them all."""
    counted = [fact for fact in facts if fact["points"] is not None]
    others = [fact for fact in facts if fact["points"] is None]
    for some in (counted, others):
        for fact in some[:FACTS_SHOWN]:
            yield Text(_fact(fact), style="dim")
        if len(some) > FACTS_SHOWN:
            yield Text(f"  … 同类共 {len(some)} 件", style="dim")


def _fact(fact: Json) -> str:
    # A UUIDv7 begins with its time: the end tells facts apart.
    return f"  {fact['day']} {_worth(fact)} 事实 {'、'.join('…' + id[-8:] for id in fact['facts'])}"


def _worth(fact: Json) -> str:
    if fact["points"] is None:
        return f"不计:{fact['reason'] or fact['why']}"
    return "计入" if fact["points"] == "0" else f"{fact['points']}分"


def _timeline(reports: Iterable[Json]) -> Iterator[RenderableType]:
    report = next(iter(reports))
    title = f"上报流转:{_KINDS[report['kind']]},{report['station_name']},{_OUTCOMES[report['closing']['outcome']]}"
    table = _empty_table(title, ("时间", "环节", "由", "至", "依据或结果", "间隔(秒)"))
    for moment in report["timeline"]:
        table.add_row(*_moment(moment))
    yield table


_KINDS = {"dispute": "矛盾纠纷(可能转为暴力)", "instability": "不稳定因素(群体上访苗头)"}
_OUTCOMES = {"resolved": "已化解", "controlled": "已稳控", "rectified": "已整改"}
_HOPS = {
    "noticed": "发现",
    "filed": "上报",
    "escalated": "升级",
    "joined": "并入派单",
    "updated": "续报",
    "ordered": "派单",
    "attempt": "送达尝试",
    "delivery_delivered": "已送达",
    "received": "签收",
    "accepted": "受理",
    "closed": "办结",
    "fed_back": "反馈上报人",
}


def _moment(moment: Json) -> Sequence[str]:
    at = datetime.fromisoformat(moment["at"]).astimezone(SHANGHAI)
    since = moment["seconds_since_previous"]
    hop = _HOPS.get(moment["what"], moment["what"])
    shown = f"{since:,.1f}" if since is not None else ""
    said = [moment[name] or "" for name in ("by", "to", "code")]
    return [f"{at:%m-%d %H:%M:%S}", str(hop), *said, shown]


def _count_check(check: Json) -> Iterator[RenderableType]:
    sent, read = check["duplicates_sent"], check["duplicates_read"]
    title = (
        f"计数核对:差额 {check['difference']},吸收重复 {check['duplicates']:,}(重发的条目 {sent:,},重读的事实 {read:,})"
    )
    table = _empty_table(title, ("主题", "读取方", "已发布", "已应用", "差额", "死信暂扣", "重复"))
    for count in check["counts"]:
        numbers = (f"{count[name]:,}" for name in ("published", "applied", "difference", "aside", "duplicates"))
        table.add_row(count["topic"], count["reader"], *numbers)
    yield table
    if check["aside"]:
        yield Text(f"有 {check['aside']:,} 条在死信或暂扣中,等人处理:cunjing dead-letters list", style="yellow")


def _note(decisions: Sequence[Json]) -> RenderableType:
    intro = (
        "全县与评分办法是为演示拼在一起的:西华县的区划和年工作量是公布的,温泉镇的百分制考核办法是另一地的,人员全部是虚构的。"
        "考核办法没有写明的地方由演示自行决定,不代表任何单位:"
    )
    lines = [f"  {decision['rule']} {decision['basis']}" for decision in decisions]
    return Panel("\n".join([intro, *lines]), title="说明", width=WIDTH)


def _verdict(content: Json) -> RenderableType:
    if content["ok"]:
        return Text("✓ 一件不丢、一件不重,两件上报均已办结。", style="green")
    surprises = [f"{item}" for item in content["counts"]["surprises"][:5]]
    return Text("\n".join(["✗ 结果不符合预期,见以上差额、上报状态。", *surprises]), style="red")


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    table = _empty_table(title, columns)
    for row in rows:
        table.add_row(*row)
    return table


def _empty_table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, width=WIDTH, title_justify="left")
    for column in columns:
        justify: JustifyMethod = "right" if column in _NUMBERS else "left"
        table.add_column(column, justify=justify, overflow="fold", max_width=_WIDTHS.get(column))
    return table


_NUMBERS = ("名次", "得分", "已发布", "已应用", "差额", "重复", "间隔(秒)")
_WIDTHS = {"项目": 22, "规则": 12}
