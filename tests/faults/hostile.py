"""Requests as nobody should send them: wrong in kind, type or size; and such that are right, and huge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, get_args
from urllib.parse import urlencode

from demo.county import County, Person, Station
from demo.month import Month
from services.intel.rules.signature import sign
from shared.contracts.personnel import Post
from shared.ids import new_id

Body = dict[str, Any]
Path = tuple[str | int, ...]

MOST = 500
"""Items in a batch."""


def _nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


WRONG: Sequence[Any] = (
    *(None, True, False, 0, -1, 1.5, 1e308, 2**63, 10**40),
    *(
        "",
        " ",
        "x",
        "0",
        "-1",
        "1e3",
        "NaN",
        "１２",
        "\0",
        "\ud800",
        "‮",
        "null",
        "undecided",
        "汉" * 3000,
        "x" * 20_000,
    ),
    *("2026-10-20", "0001-01-01", "9999-12-31T23:59:59Z", "2026-10-20T09:00:00+08:00", "2026-13-45T99:99:99Z"),
    *("411622000000", "411622101201", "000000000000", "whsec_", "http://127.0.0.1:9/x", "411622101201001"),
    *([], {}, [None], [[]], ["x"] * 3000, _nested(200), {"system": "fieldwork.activity", "id": "x"}),
    *({"system": "s" * 60, "id": "汉" * 200}, {"badge": "x" * 40}, {str(n): n for n in range(1500)}),
)


@dataclass(frozen=True)
class Sent:
    """One request."""

    service: str
    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


class Hostile:
    """Makes requests about one township, without end; the same seed makes the same ones."""

    def __init__(self, seed: str, month: Month, states: Mapping[str, Sequence[Body]], secret: str) -> None:
        self._random = Random(seed)  # a test's choice
        self._secret = secret
        self._states = states
        self.station: Station = month.county.stations[0]
        self.township = self.station.township.code
        self._people = [p for p in month.county.people if p.station == self.station]
        self.victim = next(person for person in self._people if person.post == "village_auxiliary")
        self._work = [work.item for work in month.work if work.village.startswith(self.township)]
        self._matter = str(new_id())
        self._makers: Sequence[Callable[[], Sent]] = (
            *(
                self._spoiled_sync,
                self._spoiled_sync,
                self._spoiled_decision,
                self._spoiled_state,
                self._spoiled_report,
            ),
            *(self._spoiled_callback, self._spoiled_endpoint, self._spoiled_file, self._spoiled_question),
            *(self._many_visits, self._many_stays, self._many_reports, self._many_postings),
        )

    def __iter__(self) -> Iterator[Sent]:
        while True:
            yield self._random.choice(self._makers)()

    def spoiled(self, body: Any) -> Any:
        """A copy in which one to three places hold something else, or nothing."""
        spoiled = deepcopy(body)
        for _ in range(self._random.randint(1, 3)):
            places = [path for path in _places(spoiled, ()) if path]
            if places:
                self._spoil(spoiled, self._random.choice(places))
        return spoiled

    def _spoil(self, body: Any, path: Path) -> None:
        *way, last = path
        for step in way:
            body = body[step]
        if self._random.random() < 0.15:
            del body[last]
        elif isinstance(body, dict) and self._random.random() < 0.1:
            body[str(self._random.choice(WRONG))[:100]] = body[last]
        else:
            body[last] = deepcopy(self._random.choice(WRONG))

    def _spoiled_sync(self) -> Sent:
        chosen = self._random.choices(self._work, k=self._random.choice((1, 3, 50)))
        return self._batch("sync", "items", [self.spoiled(item | {"id": str(new_id())}) for item in chosen])

    def _spoiled_decision(self) -> Sent:
        head = {"id": str(next(p.officer_id for p in self._people if p.post == "station_head"))}
        activity = self._random.choice([item["id"] for item in self._work])
        officer = {"id": str(self._random.choice(self._people).officer_id)}
        village = self.victim.place
        seen = {"true_situation": True, "record_seen": True, "signature_seen": True, "effective": "yes"}
        verdict = {"verdict": "verify", "activity_id": activity, "verified_by": head, "method": "desk", **seen}
        certified = {"id": str(new_id()), "village": village, "of": "dispute", "month": "2026-10", "certified_by": head}
        path, name, body = self._random.choice(
            (
                ("activities/verifications", "verdicts", verdict),
                ("certificates", "items", certified),
                ("rosters", "items", {"officer": officer, "day": "2026-10-20", "entered_by": head}),
                ("foreign-villages", "items", {"system": "hostile", "id": "village", "village": village}),
            )
        )
        return self._batch(path, name, [self.spoiled(body)])

    def _spoiled_state(self) -> Sent:
        plural = self._random.choice(sorted(self._states))
        state = self._random.choice(self._states[plural])
        return self._json("personnel", "PUT", f"/v1/{plural}", {"items": [self.spoiled(state)]})

    def _spoiled_file(self) -> Sent:
        cell = str(self._random.choice(WRONG))
        text = f"code,name,streetCode\n{self.victim.place},{cell},{self.township}\n{cell},x,{cell}\n"
        path = "/v1/divisions/imports?kind=villages&valid_from=2026-10-01"
        return Sent("personnel", "POST", path, text.encode(errors="replace"), {"content-type": "text/csv"})

    def _spoiled_report(self) -> Sent:
        return self._json("intel", "POST", "/v1/reports", self.spoiled(self._report()))

    def _spoiled_callback(self) -> Sent:
        now = datetime.now(UTC)
        said = {"order_id": str(new_id()), "event": "accepted", "at": now.isoformat(), "cooperated": [str(new_id())]}
        body = _dump(self.spoiled(said))
        headers = sign(self._secret, str(new_id()), now, body.decode())
        path = f"/v1/station-callbacks/{self.station.org_id}"
        return Sent("intel", "POST", path, body, {**headers, "content-type": "application/json"})

    def _spoiled_endpoint(self) -> Sent:
        body = self.spoiled({"url": "http://127.0.0.1:9/orders", "secret": self._secret})
        return self._json("intel", "PUT", f"/v1/endpoints/{self.station.org_id}", body)

    def _spoiled_question(self) -> Sent:
        service, path = self._random.choice(
            (
                *(("personnel", "/v1/officers"), ("personnel", "/v1/coverage"), ("fieldwork", "/v1/changes")),
                *(("scoring", "/v1/scoreboard"), ("intel", "/v1/reports")),
            )
        )
        query = {"division": self.township, "on": "2026-10-15", "period": "2026-10", "scheme": "wenquan", "limit": "5"}
        # No more than an address may hold: what is longer is refused before it is read.
        query[self._random.choice(sorted(query))] = str(self._random.choice(WRONG))[:2000]
        quoted = urlencode(query, errors="replace")
        return Sent(service, "GET", f"{path}?{quoted}", b"", {})

    def _many_visits(self) -> Sent:
        return self._batch("sync", "items", [self._visit() for _ in range(MOST)])

    def _many_stays(self) -> Sent:
        who, where = {"id": str(self.victim.officer_id)}, self.victim.place
        stays = [str(new_id()) for _ in range(MOST // 2)]
        hours = [self._random.randrange(24 * 31) for _ in stays]
        came = [
            {"type": "arrival", "id": id, "officer": who, "village": where, "at": _instant(hour)}
            for id, hour in zip(stays, hours, strict=True)
        ]
        left = [
            {
                "type": "departure",
                "id": str(new_id()),
                "session": id,
                "at": _instant(hour + self._random.randrange(700)),
            }
            for id, hour in zip(stays, hours, strict=True)
        ]
        return self._batch("sync", "items", [*came, *left])

    def _many_reports(self) -> Sent:
        """One of thousands under one matter."""
        return self._json("intel", "POST", "/v1/reports", self._report() | {"matter_id": self._matter})

    def _many_postings(self) -> Sent:
        days = [date(2026, 10, 1) + timedelta(self._random.randrange(20_000)) for _ in range(MOST)]
        postings = [
            {
                "assignment_id": str(new_id()),
                "officer_id": str(self.victim.officer_id),
                "post": self._random.choice(get_args(Post)),
                "role": self._random.choice(("main", "backup", "secondment", "concurrent")),
                "where": {"type": "village", "id": self.victim.place},
                "valid": {"from": f"{day:%Y-%m-%d}", "to": f"{day:%Y-%m-%d}"},
            }
            for day in days
        ]
        return self._json("personnel", "PUT", "/v1/assignments", {"items": postings})

    def _visit(self) -> Body:
        return visit(self.victim, self._random) | {
            "target_key": "户" * 200,
            "evidence": [{"kind": "photo", "sha256": f"{self._random.getrandbits(256):064x}"} for _ in range(20)],
        }

    def _report(self) -> Body:
        return {
            **{"id": str(new_id()), "kind": "dispute", "category": "neighbours", "village": self.victim.place},
            **{"reporter": {"id": str(self.victim.officer_id)}, "noticed_at": "2026-10-20T09:00:00+08:00"},
            **{"signs": ["violence"], "summary": "示例" * 900},
        }

    def _batch(self, path: str, name: str, items: Sequence[Any]) -> Sent:
        return self._json("fieldwork", "POST", f"/v1/{path}", {name: items})

    def _json(self, service: str, method: str, path: str, body: Any) -> Sent:
        return Sent(service, method, path, _dump(body), {"content-type": "application/json"})


def visit(person: Person, random: Random) -> Body:
    """A visit as a phone sends it, in October 2026."""
    return {
        "type": "activity",
        "id": str(new_id()),
        "officer": {"id": str(person.officer_id)},
        "village": person.place,
        "kind": "household_visit",
        "from": _instant(random.randrange(24 * 31)),
        "quantity": "1",
        "unit": "household",
        "details": {"purposes": ["safety"]},
    }


def calm_people(county: County, township: str) -> list[Person]:
    """Auxiliaries of other townships."""
    return [person for person in county.auxiliaries if not person.place.startswith(township)]


def _instant(hour: int) -> str:
    return f"2026-10-{min(hour // 24 + 1, 31):02}T{hour % 24:02}:00:00+08:00"


def _dump(body: Any) -> bytes:
    return json.dumps(body).encode()


def _places(value: Any, at: Path) -> Iterator[Path]:
    """Every place in a nested value; what is huge already is not taken apart."""
    yield at
    if isinstance(value, dict | list) and len(value) <= 100 and len(at) < 20:
        for step, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(part, (*at, step))
