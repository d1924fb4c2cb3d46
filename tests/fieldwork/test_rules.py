"""Pure decisions of fieldwork about who acts, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from services.fieldwork.rules.acts import ActingPost, Holder, Office, is_of_the_office, outranks, rank
from services.fieldwork.rules.certificates import last_day, may_be_certified
from services.fieldwork.rules.presence import Place, Session, presences
from services.fieldwork.rules.verdicts import Proposed, Standing, fault, own_work
from services.fieldwork.scheme import Acts, FieldworkScheme
from shared.ids import new_id
from shared.schemes.loader import load_scheme

STAFF = ActingPost("station_staff", "station", frozenset({"officer", "cadre"}), assigned=False)
HEAD = ActingPost("station_head", "station", frozenset({"officer"}), assigned=True)
ABOVE = ActingPost("superior_staff", "superior", frozenset({"officer"}), assigned=False)
JUSTICE = ActingPost("own_staff", "own", frozenset({"cadre"}), assigned=False)
BY = (STAFF, HEAD, ABOVE)


def holder(office: Office | None = "station", kind: str = "officer", *posts: str) -> Holder:
    return Holder(kind, frozenset({office} if office else ()), frozenset(posts))


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (holder(), 0),
        (holder("station", "officer", "community_officer"), 0),
        (holder("station", "officer", "station_head"), 1),
        (holder("station", "cadre", "station_head"), 0),
        (holder("superior"), 2),
        (holder("superior", "auxiliary"), None),
        (holder("station", "auxiliary", "station_head"), None),
        (holder("station", "volunteer"), None),
        (holder(None), None),
        (None, None),
    ],
)
def test_how_high_somebody_stands(who: Holder | None, expected: int | None) -> None:
    assert rank(BY, who) == expected


def test_an_office_that_has_no_station_decides_about_its_own_peoples_work() -> None:
    # The justice bureau sends its own cadres to the villages (P-004): no police station answers for them.
    assert rank((JUSTICE,), holder("own", "cadre")) == 0
    assert rank((JUSTICE,), holder("station", "cadre")) is None


def test_only_a_post_above_outranks() -> None:
    staff, head, above, helper = holder(), holder("station", "officer", "station_head"), holder("superior"), None
    ladder = [helper, staff, head, above]
    for low, one in enumerate(ladder):
        for high, other in enumerate(ladder):
            assert outranks(BY, other, one) == (high > low and other is not None)


def test_of_the_office_is_whoever_belongs_to_it() -> None:
    assert is_of_the_office((STAFF,), holder("station", "auxiliary"))
    assert not is_of_the_office((STAFF,), holder("superior"))


WORKER, PRESENT, VERIFIER, OTHER = (new_id() for _ in range(4))
STOOD = Standing(new_id(), 1, "verify", OTHER, datetime(2026, 10, 20, tzinfo=UTC))


def proposed(**changes: Any) -> Proposed:
    return replace(Proposed(VERIFIER, outranks=False, quantity=None, replaces=None, reason=None), **changes)


def test_nobody_verifies_what_he_did_or_was_present_at() -> None:
    told = [own_work(frozenset({WORKER}), PRESENT, who) for who in (WORKER, PRESENT, VERIFIER)]
    assert told == ["verifier_is_author", "verifier_was_present", None]
    assert own_work(frozenset({WORKER}), None, VERIFIER) is None


@pytest.mark.parametrize(
    ("standing", "changes", "expected"),
    [
        (None, {}, None),
        (None, {"quantity": Decimal(3)}, None),
        (None, {"quantity": Decimal("3.001")}, "quantity_above_claimed"),
        (None, {"replaces": STOOD.id}, "nothing_to_replace"),
        (STOOD, {}, "already_decided"),
        (STOOD, {"replaces": WORKER, "outranks": True}, "already_decided"),
        (STOOD, {"replaces": STOOD.id, "reason": "x"}, "replacer_not_above"),
        (STOOD, {"replaces": STOOD.id, "outranks": True}, "reason_required"),
        (STOOD, {"replaces": STOOD.id, "outranks": True, "reason": "x"}, None),
        (STOOD, {"replaces": STOOD.id, "verifier": OTHER, "reason": "x"}, None),
    ],
)
def test_what_a_verdict_needs(standing: Standing | None, changes: dict[str, Any], expected: str | None) -> None:
    assert fault(Decimal(3), standing, proposed(**changes)) == expected


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 2, 1), date(2026, 2, 28)),
        (date(2028, 2, 1), date(2028, 2, 29)),
        (date(2026, 12, 1), date(2026, 12, 31)),
        (date(2026, 4, 1), date(2026, 4, 30)),
    ],
)
def test_the_last_day_of_a_month(first: date, last: date) -> None:
    assert last_day(first) == last


@pytest.mark.parametrize(
    ("certify_from", "from_day"),
    [("first_day", date(2026, 10, 1)), ("last_day", date(2026, 10, 31)), ("month_over", date(2026, 11, 1))],
)
def test_from_which_day_a_month_is_certified(certify_from: Any, from_day: date) -> None:
    october = date(2026, 10, 1)
    before = date.fromordinal(from_day.toordinal() - 1)
    assert [may_be_certified(certify_from, october, day) for day in (before, from_day)] == [False, True]


def test_while_the_scheme_leaves_it_open_only_a_month_that_is_over_is_certified() -> None:
    told = [may_be_certified(None, date(2026, 10, 1), day) for day in (date(2026, 10, 31), date(2026, 11, 1))]
    assert told == [False, True]


def test_the_preset_lets_neither_auxiliaries_nor_volunteers_act() -> None:
    acts = load_scheme("wenquan", "fieldwork", FieldworkScheme).value.acts
    for act in ("verify", "certify", "roster"):
        posts = acts.by(act)
        assert posts
        assert all(not post.officer_kinds & {"auxiliary", "volunteer"} for post in posts)
    assert [post.name for post in acts.by("certify")] == ["station_staff", "station_head"]


def open_acts(**changes: Any) -> dict[str, Any]:
    undecided = {"source": "A-201/verify_by", "status": "undecided", "question": "由谁核实?"}
    names = ("verify", "certify", "roster", "certify_from")
    post = {"label": "司法局工作人员", "office": "own", "officer_kinds": ["cadre"]}
    return {"posts": {"own_staff": post}, **dict.fromkeys(names, undecided)} | changes


def test_while_nobody_has_decided_who_acts_nobody_does() -> None:
    assert Acts.model_validate(open_acts()).by("verify") == ()


def test_acts_name_posts_that_are_there() -> None:
    decided = {"value": ["own_staff"], "source": "A-201/verify_by", "status": "literal"}
    assert Acts.model_validate(open_acts(verify=decided)).by("verify") == (JUSTICE,)
    with pytest.raises(ValidationError, match="unknown posts: nobody"):
        Acts.model_validate(open_acts(verify=decided | {"value": ["nobody"]}))


class Counted(list[Session]):
    """Sessions that count how often they are gone through."""

    times = 0

    def __iter__(self) -> Iterator[Session]:
        self.times += 1
        return super().__iter__()


def test_a_day_is_worked_out_once_for_all_assignments_that_cover_the_same() -> None:
    begin = datetime(2026, 10, 19, tzinfo=UTC)
    sessions = Counted([Session(new_id(), "411622101201", begin, begin + timedelta(hours=2))])
    here = [Place(new_id(), "411622101201", None, frozenset()) for _ in range(1_000)]
    there = Place(new_id(), "411622101202", None, frozenset())
    found = list(presences([*here, there], sessions, begin, begin + timedelta(days=1)))
    assert [day.minutes_in_village for _, day in found] == [120] * 1_000 + [0]
    assert [place for place, _ in found] == [*here, there]
    assert sessions.times == 3
