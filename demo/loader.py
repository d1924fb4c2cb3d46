"""Telling personnel who is where, through its public API. Sent again, the same content changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from demo.clients import Api, Unexpected
from demo.county import COUNTY, COUNTY_NAME, DIVISIONS, SYSTEM, Area, County, Group, Person, Station
from demo.month import chunks
from shared.ids import foreign_id
from shared.schemes.loader import content_version, read_scheme

SCHEME = "wenquan"
SCHEMES = Path(__file__).parents[1] / "deploy" / "demo" / "schemes"
"""What the demonstration decided in the place of a scheme owner; the services read the same folder."""
FILES = ("provinces", "cities", "areas", "streets", "villages")
CODES_FROM = "2023-06-30"
STAFF_FROM = {"from": "2026-01-01"}
BINDING_FROM = {"from": "2026-10-01"}

State = dict[str, Any]


async def load_county(personnel: Api, county: County) -> None:
    """Divisions first, then everything in the order in which one thing refers to another."""
    for name in FILES:
        text = (DIVISIONS / f"{name}.csv").read_text(encoding="utf-8")
        await personnel.post_text("/v1/divisions/imports", text, "text/csv", kind=name, valid_from=CODES_FROM)
    for plural, states in _in_order(county):
        for part in chunks(states):
            await _put(personnel, plural, part)


async def _put(personnel: Api, plural: str, states: Sequence[State]) -> None:
    answer = await personnel.put(f"/v1/{plural}", {"items": states})
    refused = [item for item in answer["items"] if item["outcome"] == "rejected"]
    if refused:
        raise Unexpected(f"personnel refused {len(refused)} of {len(states)} {plural}, the first: {refused[0]}")


def _in_order(county: County) -> Iterator[tuple[str, list[State]]]:
    yield "organisations", [_bureau(county)]
    yield "organisations", [_station(station, county) for station in county.stations]
    yield "areas", [_area(area) for area in county.areas]
    yield "officers", [_officer(person, county) for person in county.people]
    yield "assignments", [_assignment(person) for person in county.people]
    yield "groups", [_group(group) for group in county.groups]
    yield "bindings", [_binding(county)]


def _bureau(county: County) -> State:
    name = f"{COUNTY_NAME}公安局(演示)"
    serves = [f"{COUNTY}000000"]
    return {"org_id": str(county.bureau), "name": name, "kind": "bureau", "serves": serves, "valid": STAFF_FROM}


def _station(station: Station, county: County) -> State:
    return {
        "org_id": str(station.org_id),
        "name": station.name,
        "kind": "station",
        "parent": str(county.bureau),
        "serves": [f"{station.township.code}000"],
        "valid": STAFF_FROM,
    }


def _area(area: Area) -> State:
    return {
        "area_id": str(area.area_id),
        "name": area.name,
        "villages": [village.code for village in area.villages],
        "station": str(area.station.org_id),
        "rural": int(area.station.township.code[-3:]) >= 100,  # E-52: 001 to 099 are streets
        "valid": STAFF_FROM,
    }


def _officer(person: Person, county: County) -> State:
    return {
        "officer_id": str(person.officer_id),
        "kind": "auxiliary" if person.post == "village_auxiliary" else "officer",
        "name": person.name,
        "badge": person.badge,
        "employer": str(county.bureau),
        "station": str(person.station.org_id),
        "full_time": True,
        "status": "active",
        "account": "open",
        "valid": STAFF_FROM,
    }


_WHERE = {"village_auxiliary": "village", "community_officer": "area", "station_head": "org"}


def _assignment(person: Person) -> State:
    return {
        "assignment_id": str(foreign_id(SYSTEM, f"assignment/{person.badge}")),
        "officer_id": str(person.officer_id),
        "post": person.post,
        "role": "main",
        "where": {"type": _WHERE[person.post], "id": person.place},
        "valid": STAFF_FROM,
    }


def _group(group: Group) -> State:
    return {
        "group_id": str(group.group_id),
        "kind": group.kind,
        "village": group.village.code,
        "members": group.members,
        "trained_members": group.members // 2,
        "state": group.state,
        "valid": STAFF_FROM,
    }


def _binding(county: County) -> State:
    return {
        "binding_id": str(county.binding),
        "jurisdiction": COUNTY,
        "scheme": SCHEME,
        "version": content_version(read_scheme(SCHEME, SCHEMES)),
        "posts": ["village_auxiliary"],
        "valid": BINDING_FROM,
    }
