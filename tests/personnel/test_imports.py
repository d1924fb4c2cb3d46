from __future__ import annotations

import pytest

from tests.personnel.support import COUNTY, DEMO_DIVISIONS, Personnel

VILLAGE_HEADER = "code,name,streetCode,provinceCode,cityCode,areaCode"
NOTHING_ODD = {"kept_by_hand": 0, "kept": [], "not_in_file": 0, "missing": []}
GOOD = "411622101201,测试村委会,411622101,41,4116,411622"


async def errors_of(empty: Personnel, *lines: str) -> list[tuple[int, str]]:
    answer = await empty.import_csv("\n".join((VILLAGE_HEADER, *lines)), "villages")
    assert answer.status_code == 422
    assert answer.json()["code"] == "personnel.bad_division_file"
    return [(error["line"], error["reason"]) for error in answer.json()["errors"]]


async def count(personnel: Personnel, level: str) -> int:
    found = await personnel.rows("SELECT count(*) AS n FROM division WHERE level = :level", level=level)
    return int(found[0]["n"])


async def test_the_county_is_imported_as_published(personnel: Personnel) -> None:
    assert await count(personnel, "township") == 24
    assert await count(personnel, "village") == 480
    assert len(await personnel.facts("personnel.division")) == 1 + 1 + 1 + 24 + 480


async def test_facts_say_what_the_rows_say(personnel: Personnel) -> None:
    (fact,) = await personnel.facts("personnel.division", "411622001002")

    assert fact == {
        "code": "411622001002",
        "name": "周庄居民委员会",
        "level": "village",
        "village_kind": "residents_committee",
        "kind_corrected": False,
        "parent": "411622001000",
        "neighbours": [],
        "valid": {"from": "2023-06-30"},
        "predecessors": [],
    }


async def test_the_kind_follows_from_the_last_three_digits_and_is_marked_as_derived(personnel: Personnel) -> None:
    rows = await personnel.rows("SELECT code, village_kind FROM division WHERE level = 'village'")
    for row in rows:
        number = int(row["code"][-3:])
        expected = "residents_committee" if number < 200 else "village_committee" if number < 400 else "similar"
        assert row["village_kind"] == expected

    answer = await personnel.get("/v1/divisions/411622101201")
    assert answer.json()["kind_derived"] is True
    assert answer.json()["kind_corrected"] is False


async def test_the_same_file_again_publishes_nothing(personnel: Personnel) -> None:
    before = await personnel.count_facts()

    answer = await personnel.import_csv((DEMO_DIVISIONS / "villages.csv").read_bytes(), "villages")

    assert answer.json() == {"rows": 480, "created": 0, "changed": 0, "unchanged": 480, "placeholders": 0} | NOTHING_ODD
    assert await personnel.count_facts() == before


async def test_only_a_changed_row_is_published_again(personnel: Personnel) -> None:
    before = await personnel.count_facts()

    answer = await personnel.import_csv(f"{VILLAGE_HEADER}\n{GOOD}", "villages")

    assert answer.json().items() >= {"rows": 1, "created": 0, "changed": 1, "unchanged": 0, "placeholders": 0}.items()
    assert await personnel.count_facts() == before + 1
    assert (await personnel.facts("personnel.division", "411622101201"))[-1]["name"] == "测试村委会"


async def test_a_kind_corrected_by_hand_survives_the_next_import(personnel: Personnel) -> None:
    corrected = (await personnel.facts("personnel.division", "411622101201"))[0] | {"village_kind": "similar"}
    assert (await personnel.put("/v1/divisions/411622101201", corrected)).json()["outcome"] == "changed"

    same = await personnel.import_csv((DEMO_DIVISIONS / "villages.csv").read_bytes(), "villages")
    renamed = await personnel.import_csv(f"{VILLAGE_HEADER}\n{GOOD}", "villages")

    assert (same.json()["changed"], renamed.json()["changed"]) == (0, 1)
    last = (await personnel.facts("personnel.division", "411622101201"))[-1]
    assert (last["village_kind"], last["kind_corrected"]) == ("similar", True)
    assert (await personnel.get("/v1/divisions/411622101201")).json()["kind_derived"] is False


async def test_a_byte_order_mark_and_windows_line_ends_are_fine(personnel: Personnel) -> None:
    content = f"\ufeff{VILLAGE_HEADER}\r\n{GOOD}\r\n\r\n"

    assert (await personnel.import_csv(content, "villages")).json()["changed"] == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("41162210120,缺一位,411622101,41,4116,411622", "code 应为 12 位数字"),
        ("41162210120X,不是数字,411622101,41,4116,411622", "code 应为 12 位数字"),
        ("411622101299,缺列", "应有 6 列,实有 2 列"),
        ("411622101299,,411622101,41,4116,411622", "name 应为"),
        ("411622101299,控制\x07字符,411622101,41,4116,411622", "name 应为"),
        ("411622101299,联系13912345678,411622101,41,4116,411622", "name 中不能含身份证号或手机号"),
        ("411622101299,上级太短,41162210,41,4116,411622", "streetCode 应为 9 位数字"),
        ("411622101299,上级不符,411622102,41,4116,411622", "code 应以 streetCode 开头"),
        ("411622998201,上级未登记,411622998,41,4116,411622", "上级区划 411622998000 未登记"),
        ('411622101299,"引号不成对,411622101,41,4116,411622', "引号不成对"),
    ],
)
async def test_a_broken_row_is_named_and_nothing_is_kept(personnel: Personnel, line: str, reason: str) -> None:
    before = await personnel.count_facts()

    ((number, told),) = await errors_of(personnel, GOOD, line)

    assert number == 3
    assert told.startswith(reason)
    assert await personnel.count_facts() == before
    assert (await personnel.rows("SELECT name FROM division WHERE code = '411622101201'"))[0]["name"] != "测试村委会"


async def test_a_code_twice_in_a_file_names_the_second_line(personnel: Personnel) -> None:
    assert await errors_of(personnel, GOOD, GOOD) == [(3, "code 与第 2 行重复")]


async def test_bytes_that_are_no_utf8_are_named_by_line(personnel: Personnel) -> None:
    content = f"{VILLAGE_HEADER}\n{GOOD}\n".encode() + "411622101299,村,411622101,41,4116,411622".encode("gbk")

    answer = await personnel.import_csv(content, "villages")

    assert (answer.status_code, answer.json()["errors"][0]["line"]) == (422, 3)


async def test_a_file_of_another_level_is_refused_by_its_header(personnel: Personnel) -> None:
    answer = await personnel.import_csv((DEMO_DIVISIONS / "streets.csv").read_bytes(), "villages")

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"line": 1, "reason": "表头缺少列 streetCode,请核对文件与 kind"}]


async def test_more_than_five_thousand_rows_go_through_the_command_line(personnel: Personnel) -> None:
    answer = await personnel.import_csv("\n".join((VILLAGE_HEADER, *[GOOD] * 5001)), "villages")

    assert answer.status_code == 422


async def test_rows_of_another_county_are_refused_to_a_county(personnel: Personnel) -> None:
    answer = await personnel.import_csv(f"{VILLAGE_HEADER}\n{GOOD}", "villages", caller="430903")

    assert answer.json()["errors"] == [{"line": 2, "reason": "不在本辖区"}]
    assert (await personnel.import_csv(f"{VILLAGE_HEADER}\n{GOOD}", "villages", caller=COUNTY)).status_code == 200


async def test_a_row_that_repeats_its_parent_stands_for_nothing(personnel: Personnel) -> None:
    content = "code,name,areaCode,provinceCode,cityCode\n411622000,西华县,411622,41,4116"

    answer = await personnel.import_csv(content, "streets")

    assert (answer.status_code, answer.json()["placeholders"]) == (200, 1)
    assert (await personnel.get("/v1/divisions/411622")).json()["level"] == "county"


async def test_an_import_is_audited(personnel: Personnel) -> None:
    rows = await personnel.rows(
        "SELECT subject, object FROM audit WHERE action = 'personnel.division.import' ORDER BY id"
    )

    assert rows[-1] == {"subject": "test-client", "object": "villages: 480 rows"}


async def test_a_name_mended_by_hand_survives_the_next_edition_and_is_listed(personnel: Personnel) -> None:
    mended = (await personnel.facts("personnel.division", "411622101201"))[0] | {"name": "更正后的村委会"}
    await personnel.put("/v1/divisions/411622101201", mended)
    before = await personnel.count_facts()

    for _ in range(2):
        answer = (await personnel.import_csv(f"{VILLAGE_HEADER}\n{GOOD}", "villages")).json()
        assert answer["kept_by_hand"] == 1
        (kept,) = answer["kept"]
        assert (kept["code"], kept["name"], kept["imported"]) == ("411622101201", "更正后的村委会", "测试村委会")
    assert await personnel.count_facts() == before

    await personnel.put("/v1/divisions/411622101201", mended | {"name": "测试村委会"})
    renamed = GOOD.replace("测试村委会", "新村委会")
    assert (await personnel.import_csv(f"{VILLAGE_HEADER}\n{renamed}", "villages")).json()["changed"] == 1


async def test_what_a_new_edition_lacks_is_listed_and_nothing_is_ended(personnel: Personnel) -> None:
    lines = [line for line in (DEMO_DIVISIONS / "villages.csv").read_text().splitlines() if ",411622101," in line]
    before = await personnel.count_facts()
    answer = (await personnel.import_csv("\n".join((VILLAGE_HEADER, *lines[1:])), "villages")).json()

    assert (answer["not_in_file"], [one["code"] for one in answer["missing"]]) == (1, [lines[0].split(",")[0]])
    assert (answer["unchanged"], answer["rows"]) == (len(lines) - 1, len(lines) - 1)
    assert await personnel.count_facts() == before


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (f"{VILLAGE_HEADER}\n{GOOD}".encode("gbk"), "GBK"),
        ("代码,名称\n411622101201,测试".encode("gbk"), "GBK"),
        (f"{VILLAGE_HEADER}\n{GOOD}".replace(",", ";").encode(), "请改用逗号分隔"),
        (f"{VILLAGE_HEADER}\n{GOOD}".replace(",", "\t").encode(), "制表符"),
        (b"PK\x03\x04\x14\x00\x06\x00xl/workbook.xml", "XLSX"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "XLS"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (f"{VILLAGE_HEADER}\n{GOOD}".encode("utf-16"), "UTF-16"),
        (b'[{"code": "411622101201"}]', "JSON"),
        (b"<html><body>", "网页"),
        (b"%PDF-1.7", "PDF"),
        (b"code,title\n1,2", "表头缺少列 name、streetCode"),
    ],
)
async def test_a_file_of_another_kind_is_told_what_it_is(empty: Personnel, content: bytes, says: str) -> None:
    answer = await empty.import_csv(content, "villages")
    assert (answer.status_code, answer.json()["code"]) == (422, "personnel.bad_division_file")
    assert says in answer.json()["errors"][0]["reason"]
