from __future__ import annotations

from datetime import date

from shared.reference.bindings import Binding, Use, schemes_at

VILLAGE, ELSEWHERE = "411622101201", "411622102201"
DAY = date(2026, 10, 15)


def binding(
    jurisdiction: str,
    scheme: str,
    *posts: str,
    use: Use = "governing",
    first: date = date(2026, 1, 1),
    last: date | None = None,
) -> Binding:
    return Binding(jurisdiction, scheme, posts or ("auxiliary",), use, first, last)


def test_a_townships_own_scheme_takes_the_place_of_its_countys() -> None:
    county, township = binding("411622", "a"), binding("411622101", "b")
    assert schemes_at([county, township], VILLAGE, DAY) == (township,)
    assert schemes_at([county, township], ELSEWHERE, DAY) == (county,)


def test_a_post_that_the_narrowest_does_not_name_keeps_the_wider_ones_scheme() -> None:
    county, township = binding("411622", "a", "officer", "auxiliary"), binding("411622101", "b", "auxiliary")
    assert schemes_at([county, township], VILLAGE, DAY, "officer") == (county,)
    assert schemes_at([county, township], VILLAGE, DAY, "auxiliary") == (township,)
    assert schemes_at([county, township], VILLAGE, DAY, "volunteer") == ()


def test_a_shadow_neither_governs_nor_is_governed() -> None:
    county, shadow = binding("411622", "a"), binding("411622101", "b", use="shadow")
    assert schemes_at([county, shadow], VILLAGE, DAY) == (county,)
    assert schemes_at([county, shadow], VILLAGE, DAY, use="shadow") == (shadow,)


def test_a_binding_holds_from_its_first_to_its_last_day() -> None:
    ended = binding("411622", "a", first=DAY, last=DAY)
    assert schemes_at([ended], VILLAGE, DAY) == (ended,)
    assert schemes_at([ended], VILLAGE, date(2026, 10, 14)) == schemes_at([ended], VILLAGE, date(2026, 10, 16)) == ()
