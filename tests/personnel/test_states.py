from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.personnel.schemas.items import OfficerItem
from shared.ids import new_id
from tests.personnel.support import (
    ALWAYS,
    COUNTY,
    OTHER_VILLAGE,
    VILLAGE,
    WHY,
    Body,
    Personnel,
    area,
    assignment,
    officer,
    organisation,
)

SHORT = {"from": "2020-01-01", "to": "2026-10-14"}


@pytest.fixture
async def station(personnel: Personnel) -> Body:
    body = organisation()
    await personnel.store("organisations", body)
    return body


@pytest.fixture
async def auxiliary(personnel: Personnel, station: Body) -> Body:
    body = officer(station)
    await personnel.store("officers", body)
    return body


def group() -> Body:
    return {
        "group_id": str(new_id()),
        "kind": "patrol_team",
        "village": VILLAGE,
        "members": 12,
        "trained_members": 10,
        "state": "formed",
        "valid": ALWAYS,
    }


def binding() -> Body:
    return {
        "binding_id": str(new_id()),
        "jurisdiction": COUNTY,
        "scheme": "wenquan",
        "version": "0" * 64,
        "posts": ["village_auxiliary"],
        "valid": ALWAYS,
    }


def published(state: Body) -> Body:
    """A state as it travels: what is null is left out."""
    return {name: value for name, value in state.items() if value is not None}


async def test_every_kind_is_stored_published_and_read_as_the_same_state(
    personnel: Personnel, station: Body, auxiliary: Body
) -> None:
    things: list[tuple[str, str, str, Body]] = [
        ("areas", "area", "area_id", area(station, VILLAGE)),
        ("assignments", "assignment", "assignment_id", assignment(auxiliary, VILLAGE)),
        ("groups", "group", "group_id", group()),
        ("bindings", "scheme_binding", "binding_id", binding()),
        ("organisations", "organisation", "org_id", organisation(parent=station["org_id"])),
    ]
    for plural, topic, key, body in things:
        answer = await personnel.put(f"/v1/{plural}/{body[key]}", body)
        assert (answer.status_code, answer.json()) == (201, {"id": body[key], "outcome": "created"})

        (fact,) = await personnel.facts(f"personnel.{topic}", body[key])
        read = (await personnel.get(f"/v1/{plural}/{body[key]}")).json()
        assert body.items() <= fact.items()
        assert published(read) | {"valid": ALWAYS} == fact


async def test_the_same_content_again_publishes_nothing(personnel: Personnel, station: Body) -> None:
    before = await personnel.count_facts()

    answer = await personnel.put(f"/v1/organisations/{station['org_id']}", station)

    assert (answer.status_code, answer.json()["outcome"]) == (200, "unchanged")
    assert await personnel.count_facts() == before


async def test_a_change_publishes_the_whole_state_in_the_same_stream(personnel: Personnel, station: Body) -> None:
    changed = station | {"valid": {"from": "2020-01-01", "to": "2026-12-31"}}

    await personnel.store("organisations", changed)

    rows = await personnel.rows(
        "SELECT sequence, previous, fact_id, attributes FROM outbox WHERE stream_key = :key ORDER BY id",
        key=station["org_id"],
    )
    assert [row["sequence"] for row in rows] == [1, 2]
    assert rows[1]["previous"] == rows[0]["fact_id"]
    assert rows[1]["attributes"]["ce_jurisdiction"] == "411622101"
    assert (await personnel.facts("personnel.organisation", station["org_id"]))[-1]["valid"] == changed["valid"]


async def test_a_bad_item_never_stops_the_others_of_its_batch(personnel: Personnel, station: Body) -> None:
    good, nameless = officer(station), officer(station, name="")
    stranger = officer(station, employer=str(new_id()))

    answer = await personnel.put("/v1/officers", {"items": [nameless, good, stranger, good]})

    assert answer.status_code == 207
    told = [(o["outcome"], o.get("problem", {}).get("code")) for o in answer.json()["items"]]
    assert told == [
        ("rejected", "invalid_request"),
        ("created", None),
        ("rejected", "personnel.unknown_organisation"),
        ("rejected", "personnel.repeated_in_batch"),
    ]
    assert [row["name"] for row in await personnel.rows("SELECT name FROM officer")] == [good["name"]]
    assert len(await personnel.facts("personnel.officer")) == 1


async def test_a_parent_may_come_in_the_same_batch(personnel: Personnel) -> None:
    bureau = organisation(kind="bureau", serves=["411622000000"])

    outcomes = await personnel.put_all("organisations", [bureau, organisation(parent=bureau["org_id"])])

    assert [o["outcome"] for o in outcomes] == ["created", "created"]


REFUSALS: list[tuple[str, Body, str]] = [
    ("officers", {"employer": str(new_id())}, "personnel.unknown_organisation"),
    ("officers", {"valid": {"from": "2026-02-01", "to": "2026-01-31"}}, "personnel.period_reversed"),
    ("officers", {"name": "换\u202e行"}, "invalid_request"),
    ("officers", {"name": "铃\x07声"}, "invalid_request"),
    ("officers", {"name": "长" * 51}, "invalid_request"),
    ("officers", {"citizen_number": "411622199001011234"}, "invalid_request"),
    ("officers", {"phone": "1３800138000"}, "invalid_request"),
    ("officers", {"nickname": "x"}, "invalid_request"),
    ("assignments", {"officer_id": str(new_id())}, "personnel.unknown_officer"),
    ("assignments", {"where": {"type": "village", "id": "411622101999"}}, "personnel.unknown_division"),
    ("assignments", {"where": {"type": "village", "id": "41162210120１"}}, "invalid_request"),
    ("assignments", {"where": {"type": "village", "id": "411622101000"}}, "invalid_request"),
    ("assignments", {"where": {"type": "area", "id": str(new_id())}}, "personnel.unknown_area"),
    ("assignments", {"where": {"type": "room", "id": str(new_id())}}, "personnel.unknown_room"),
    ("assignments", {"role": "backup", "backup_of": str(new_id())}, "personnel.unknown_assignment"),
    ("assignments", {"valid": {"from": "2019-12-31"}}, "personnel.outside_officer_period"),
    ("organisations", {"serves": ["999999000000"]}, "personnel.unknown_division"),
    ("organisations", {"serves": []}, "invalid_request"),
    ("areas", {"station": str(new_id())}, "personnel.unknown_organisation"),
    ("areas", {"villages": [VILLAGE, "411622101000"]}, "invalid_request"),
    ("groups", {"village": "411622000000"}, "invalid_request"),
    ("groups", {"trained_members": 13}, "invalid_request"),
    ("groups", {"members": 3_000_000_000}, "invalid_request"),
    ("bindings", {"jurisdiction": "41162２"}, "invalid_request"),
]


@pytest.mark.parametrize(("plural", "wrong", "code"), REFUSALS)
async def test_what_breaks_a_rule_is_refused_and_leaves_nothing(
    personnel: Personnel, station: Body, auxiliary: Body, plural: str, wrong: Body, code: str
) -> None:
    right: dict[str, tuple[str, Body]] = {
        "officers": ("officer_id", officer(station)),
        "assignments": ("assignment_id", assignment(auxiliary, VILLAGE)),
        "organisations": ("org_id", organisation()),
        "areas": ("area_id", area(station, VILLAGE)),
        "groups": ("group_id", group()),
        "bindings": ("binding_id", binding()),
    }
    key, body = right[plural]
    before = await personnel.count_facts()

    answer = await personnel.put(f"/v1/{plural}/{body[key]}", body | wrong)

    assert answer.json()["code"] == code
    assert answer.status_code == (409 if code == "personnel.outside_officer_period" else 422)
    assert await personnel.count_facts() == before
    assert (await personnel.get(f"/v1/{plural}/{body[key]}")).status_code == 404


async def test_a_batch_may_refer_to_more_things_than_a_statement_has_parameters(
    personnel: Personnel, station: Body
) -> None:
    unknown = [[f"4116{number:07}1" for number in range(start, start + 1000)] for start in range(0, 34_000, 1000)]

    outcomes = await personnel.put_all("areas", [area(station, *codes) for codes in unknown])

    assert {o["problem"]["code"] for o in outcomes} == {"personnel.unknown_division"}


async def test_an_assignment_stays_with_its_officer(personnel: Personnel, station: Body, auxiliary: Body) -> None:
    other, held = officer(station), assignment(auxiliary, VILLAGE)
    await personnel.store("officers", other)
    await personnel.store("assignments", held)

    answer = await personnel.put(f"/v1/assignments/{held['assignment_id']}", held | {"officer_id": other["officer_id"]})

    assert (answer.status_code, answer.json()["code"]) == (409, "personnel.holder_changed")
    assert [fact["officer_id"] for fact in await personnel.facts("personnel.assignment")] == [held["officer_id"]]


async def test_no_officer_leaves_before_his_assignments_end(personnel: Personnel, auxiliary: Body) -> None:
    ended, held = assignment(auxiliary, OTHER_VILLAGE, valid=SHORT), assignment(auxiliary, VILLAGE)
    await personnel.store("assignments", ended, held)
    leaving, address = auxiliary | {"valid": SHORT}, f"/v1/officers/{auxiliary['officer_id']}"

    early = await personnel.put(address, leaving)
    await personnel.store("assignments", held | {"valid": SHORT})
    late = await personnel.put(address, leaving)

    assert (early.status_code, early.json()["code"]) == (409, "personnel.outside_officer_period")
    assert early.json()["assigned"] == {"from": "2020-01-01", "to": None}
    assert late.json()["outcome"] == "changed"


async def test_an_assignment_waits_for_who_is_just_changing_its_officer(personnel: Personnel, auxiliary: Body) -> None:
    post = assignment(auxiliary, VILLAGE)
    async with personnel.unit() as states:
        await states.put(OfficerItem, [OfficerItem.model_validate(auxiliary | {"valid": SHORT})])
        posted = asyncio.create_task(personnel.put_all("assignments", [post]))
        await personnel.until_blocked(posted)

    assert (await posted)[0]["problem"]["code"] == "personnel.outside_officer_period"


async def test_the_id_of_address_and_content_must_agree(personnel: Personnel) -> None:
    answer = await personnel.put(f"/v1/organisations/{new_id()}", organisation())

    assert answer.json()["code"] == "personnel.id_mismatch"


async def test_nothing_is_its_own_parent(personnel: Personnel, station: Body) -> None:
    answer = await personnel.put(f"/v1/organisations/{station['org_id']}", station | {"parent": station["org_id"]})

    assert answer.json()["code"] == "personnel.refers_to_itself"


async def test_five_hundred_and_one_items_are_too_many(personnel: Personnel) -> None:
    answer = await personnel.put("/v1/organisations", {"items": [organisation() for _ in range(501)]})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("path", ["organisations/{id}", "officers/{id}", "divisions/411622", "coverage"])
async def test_another_county_sees_nothing(personnel: Personnel, station: Body, auxiliary: Body, path: str) -> None:
    id = station["org_id"] if path.startswith("org") else auxiliary["officer_id"]
    address = f"/v1/{path}".format(id=id)
    asked = {"division": COUNTY, "on": "2026-10-15", "post": "village_auxiliary"} if path == "coverage" else {}

    assert (await personnel.get(address, caller=COUNTY, **asked)).status_code == 200
    assert (await personnel.get(address, caller="430903", **asked)).status_code == 404


async def test_another_county_changes_nothing(personnel: Personnel, station: Body, auxiliary: Body) -> None:
    before = await personnel.count_facts()
    id = auxiliary["officer_id"]

    written = await personnel.put(f"/v1/officers/{id}", auxiliary | {"name": "别名"}, caller="430903")
    erased = await personnel.call("POST", f"/v1/officers/{id}/erasure", json=WHY, caller="430903")

    assert written.json()["code"] == "personnel.unknown_organisation"
    assert erased.status_code == 404
    assert await personnel.count_facts() == before


async def test_a_county_may_refer_to_its_city_but_not_write_it(personnel: Personnel) -> None:
    court = organisation(kind="court", serves=["411600000000"], name="测试法院")
    await personnel.store("organisations", court)

    kept = await personnel.put_all("organisations", [organisation(parent=court["org_id"])], caller=COUNTY)
    changed = await personnel.put(f"/v1/organisations/{court['org_id']}", court | {"name": "改名"}, caller=COUNTY)

    assert kept[0]["outcome"] == "created"
    assert changed.status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_each_route_needs_its_scope(personnel: Personnel, method: str) -> None:
    wrong = ["personnel:write"] if method == "GET" else ["personnel:read"]
    sent: dict[str, Any] = (
        {"params": {"division": COUNTY}} if method == "GET" else {"json": {"items": [organisation()]}}
    )

    answer = await personnel.call(method, "/v1/organisations", scopes=wrong, **sent)

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_pages_follow_each_other_without_loss(personnel: Personnel) -> None:
    seen, after = [], None
    while True:
        page = await personnel.get("/v1/divisions", division=COUNTY, limit=200, **({"after": after} if after else {}))
        seen += [item["code"] for item in page.json()["items"]]
        if (after := page.json()["next"]) is None:
            break

    assert len(seen) == len(set(seen)) == 1 + 24 + 480


@pytest.mark.parametrize("alone", [True, False])
async def test_every_write_is_audited(personnel: Personnel, station: Body, alone: bool) -> None:
    stranger = officer(station, employer=str(new_id()))
    if alone:
        await personnel.put(f"/v1/officers/{stranger['officer_id']}", stranger)
    else:
        await personnel.put_all("officers", [stranger])

    rows = await personnel.rows("SELECT action, object, result FROM audit WHERE action LIKE '%.put' ORDER BY id")

    assert rows == [
        {"action": "personnel.organisation.put", "object": station["org_id"], "result": "created"},
        {
            "action": "personnel.officer.put",
            "object": stranger["officer_id"],
            "result": "refused: personnel.unknown_organisation",
        },
    ]


async def test_a_village_merged_away_is_published_with_its_last_day_and_its_successor(personnel: Personnel) -> None:
    (old,) = await personnel.facts("personnel.division", OTHER_VILLAGE)
    (new,) = await personnel.facts("personnel.division", VILLAGE)
    await personnel.store(
        "divisions",
        without_ours(old) | {"valid": {"from": "2023-06-30", "to": "2026-10-14"}},
        without_ours(new) | {"predecessors": [{"code": OTHER_VILLAGE, "how": "merge"}]},
    )

    assert (await personnel.facts("personnel.division", OTHER_VILLAGE))[-1]["valid"]["to"] == "2026-10-14"
    assert (await personnel.facts("personnel.division", VILLAGE))[-1]["predecessors"] == [
        {"code": OTHER_VILLAGE, "how": "merge"}
    ]


def without_ours(division: Body) -> Body:
    """The kind left out, so that it stays the one the code gives."""
    return {name: value for name, value in division.items() if name not in ("village_kind", "kind_corrected")}


async def test_nobody_is_posted_to_a_village_beyond_its_end(
    personnel: Personnel, station: Body, auxiliary: Body
) -> None:
    ended = (await personnel.facts("personnel.division", VILLAGE))[0] | {
        "valid": {"from": "2023-06-30", "to": "2026-10-31"}
    }
    await personnel.store("divisions", ended)
    body = assignment(auxiliary, VILLAGE)
    answer = await personnel.put(f"/v1/assignments/{body['assignment_id']}", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "personnel.outlasts_its_place")
    assert answer.json()["place_ends"] == "2026-10-31"
    await personnel.store("assignments", body | {"valid": {"from": "2020-01-01", "to": "2026-10-31"}})
