"""The result of the demonstration, as one object for programs; demo/report.py prints the same for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from demo.backend import Backend
from demo.clients import Api
from demo.county import COUNTY, COUNTY_NAME
from demo.flow import CountCheck
from demo.loader import SCHEME, SCHEMES
from demo.month import MONTH, Month
from demo.rates import RATES
from shared.schemes.loader import read_scheme

PLACES = 10
Json = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What `cunjing demo --json` prints."""

    content: Json

    @property
    def ok(self) -> bool:
        """Nothing lost, nothing doubled, both reports closed, and every item got the answer it deserved."""
        return bool(self.content["ok"])


async def collect(
    operator: Mapping[str, Api], worker: Backend, month: Month, reports: list[Json], check: CountCheck, scale: float
) -> Result:
    """Ask the services for everything that is shown."""
    scoring, officer = operator["scoring"], month.overruled.officer.officer_id
    of_month = {"period": MONTH, "scheme": SCHEME}
    scoreboard = await scoring.get("/v1/scoreboard/summary", division=COUNTY, places=PLACES, **of_month)
    sheet = await scoring.get(f"/v1/officers/{officer}/sheet", detail="facts", **of_month)
    coverage = await operator["personnel"].get(
        "/v1/coverage", division=COUNTY, on=f"{MONTH}-31", post="village_auxiliary", limit=1
    )
    surprises = worker.surprises()
    closed = all(report["state"] == "closed" for report in reports)
    return Result(
        {
            "county": _county(month, coverage),
            "counts": _counts(worker, month, scale) | {"surprises": surprises},
            "scoreboard": scoreboard,
            "sheet": sheet,
            "reports": reports,
            "count_check": _count_check(check, worker),
            "decisions": list(decisions()),
            "ok": check.difference == 0 and closed and not surprises,
        }
    )


def decisions() -> Iterator[Json]:
    """What the demonstration decided in the place of a scheme owner (C-08 … C-17, P-001, I-201)."""
    for document in read_scheme(SCHEME, SCHEMES).values():
        yield from _decided(document.content)


def _decided(content: Any) -> Iterator[Json]:
    if isinstance(content, Mapping):
        if content.get("decided_by") == "demo":
            yield {"rule": content["source"], "basis": content["basis"]}
        for child in content.values():
            yield from _decided(child)


def _count_check(check: CountCheck, worker: Backend) -> Json:
    """Duplicates were absorbed at both doors: items sent again over HTTP, facts read again from the bus."""
    sent = worker.phones.outcomes["duplicate"] + worker.leaders.outcomes["duplicate"]
    return {
        "difference": check.difference,
        "aside": check.aside,
        "duplicates": sent + check.duplicates,
        "duplicates_sent": sent,
        "duplicates_read": check.duplicates,
        "counts": check.rows(),
    }


def _county(month: Month, coverage: Json) -> Json:
    county = month.county
    return {
        "code": COUNTY,
        "name": COUNTY_NAME,
        "month": MONTH,
        "stations": len(county.stations),
        "villages": coverage["villages"],
        "covered": coverage["covered"],
        "gaps": coverage["gaps_total"],
        "areas": coverage["areas"],
        "officers": len(county.officers),
        "auxiliaries": len(county.auxiliaries),
    }


def _counts(worker: Backend, month: Month, scale: float) -> Json:
    rates = [
        {"label": r.label, "per_year": r.per_year, "month": r.in_month(scale), "published": r.published} for r in RATES
    ]
    return {
        "rates": rates,
        "items": len(month.work),
        "phones": worker.phones.as_dict(),
        "leaders": worker.leaders.as_dict(),
    }
