"""Promise 13: what a sheet says follows from the facts, not from the order, the process or the clock they met."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import random
import sys
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from shared.ids import new_id
from tests.faults.conftest import Keep, pick
from tests.faults.interleaving import INSTANTS
from tests.scoring.facts import DAY, OFFICER, OTHER_VILLAGE, VILLAGE, Facts, Said

ROOT = Path(__file__).parents[2]
NEIGHBOUR, BACKUP, VOLUNTEER = (UUID(int=number) for number in (77, 78, 79))
SEPTEMBER, NOVEMBER = date(2026, 9, 12), date(2026, 11, 12)
SHIFTS = (-10, 0, 10)

Digests = dict[str, tuple[int, str]]


def _people(facts: Facts) -> list[Said]:
    """Who is where, some of it changed later on."""
    area = new_id()
    moved = facts.assignment(NEIGHBOUR, OTHER_VILLAGE)
    leaves = facts.assignment(VOLUNTEER, VILLAGE)
    here = [facts.officer(officer, f"演示{n}") for n, officer in enumerate((OFFICER, NEIGHBOUR, BACKUP, VOLUNTEER))]
    return [
        *here,
        facts.officer(NEIGHBOUR, "改名"),
        facts.assignment(),
        moved,
        facts.assignment(NEIGHBOUR, assignment_id=moved.data.assignment_id, where={"type": "area", "id": str(area)}),
        leaves,
        facts.of(leaves.data.model_copy(update={"post": "volunteer"})),
        facts.assignment(BACKUP, VILLAGE, role="backup"),
        facts.area(area, OTHER_VILLAGE),
        facts.area(area, OTHER_VILLAGE, VILLAGE),
        facts.binding(),
    ]


def _verdicts(facts: Facts) -> list[Said]:
    """Verdicts that were reversed, work outside one's village, matters over two months, a backup's work."""
    visits = [facts.visit(f"again-{n}") for n in range(12)]
    matter = new_id()
    resolved = {"category": "land", "state": "resolved"}
    said = [*visits, *map(facts.verified, visits)]
    said += [facts.rejected(visit) for visit in visits[:6]]
    said += [facts.verified(visit) for visit in visits[:3]]
    for officer in (NEIGHBOUR, BACKUP):
        said += facts.visits(9, officer=officer, village=OTHER_VILLAGE)
        said += facts.done("dispute", resolved, officer=officer, village=OTHER_VILLAGE)
    for day in (SEPTEMBER, NOVEMBER):
        said += facts.visits(4, day=day)
        said += facts.done("dispute", resolved, matter_id=matter, day=day)
    return said


def _days(facts: Facts) -> list[Said]:
    """Presence and attendance, each told several times."""
    days = [date(2026, 10, day) for day in range(1, 15)]
    said = [facts.presence(day, 60 * revision, revision) for revision in (1, 2, 3) for day in days]
    said += [
        facts.absence(day, state, revision)
        for revision, state in enumerate(("absent", "excused"), 1)
        for day in days[:5]
    ]
    return [*said, facts.absence(days[6])]


def _reports(facts: Facts) -> list[Said]:
    """Reports on their way, one closed anew, one withdrawn; certificates, one revoked."""
    filed = [facts.report("instability", "unpaid_wages") for _ in range(6)]
    filed += [facts.report("dispute", "family", severity="serious") for _ in range(2)]
    said = [*filed, *map(facts.acknowledged, filed), *map(facts.closed, filed[:4])]
    said += [facts.closed(filed[0], "controlled", 2), facts.closed(filed[6], "withdrawn")]
    certificate = facts.certificate("dispute")
    return [*said, certificate, facts.certificate("instability"), _revoked(facts, certificate)]


def _revoked(facts: Facts, certificate: Said) -> Said:
    return facts.of(certificate.data.model_copy(update={"state": "revoked"}))


def _groups(facts: Facts) -> list[Said]:
    """Groups that come, change and go."""
    team = facts.group("fire_team", "formed", told=date(2026, 9, 3))
    again = {"group_id": team.data.group_id}
    return [
        team,
        facts.group("fire_team", **again, told=date(2026, 9, 20)),
        facts.group("fire_team", "formed", **again, told=DAY),
        facts.group("fire_team", **again, told=DAY),
        facts.group("fire_team", "dissolved", **again, told=NOVEMBER),
        facts.group("patrol_team", village=OTHER_VILLAGE),
    ]


def _everything() -> list[Said]:
    facts = Facts()
    return [*_people(facts), *facts.quiet_month(), *_verdicts(facts), *_days(facts), *_reports(facts), *_groups(facts)]


Hear = Callable[..., Awaitable[Digests]]


@pytest.fixture(scope="module")
def hear(tmp_path_factory: pytest.TempPathFactory, make_database: Callable[[], str]) -> Hear:
    """Has a process hear the facts of an autumn in two villages, in an order of its own; what its tables hold then."""
    facts = tmp_path_factory.mktemp("interleavings") / "facts"
    facts.write_bytes(pickle.dumps(_everything()))

    async def heard(minutes: int = 0, broken: str = "") -> Digests:
        url, seed = make_database(), random.randrange(2**31)
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.interleaving", str(facts), url, str(seed), str(minutes), broken),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": str(random.randrange(2**32))},
        )
        try:
            async with asyncio.timeout(120):
                answer, _ = await child.communicate()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        assert child.returncode == 0, f"interleaving {seed} failed"
        found: Digests = json.loads(answer)
        return found

    return heard


@pytest.fixture(scope="module")
async def heard(hear: Hear) -> list[Digests]:
    """The same facts heard by several processes, each with its own order, hash seed and clock."""
    rounds = pick(1, 15)
    return [digests for _ in range(rounds) for digests in await asyncio.gather(*(hear(minutes) for minutes in SHIFTS))]


def _differing(heard: list[Digests]) -> set[str]:
    return {name for name in heard[0] if len({json.dumps(digests[name]) for digests in heard}) > 1}


async def test_scores_follow_from_the_facts_alone(heard: list[Digests], keep: Keep) -> None:
    assert _differing(heard) - {INSTANTS} == set()
    rows = {name: count for name, (count, _) in heard[0].items()}
    assert rows["sheet"] == 6
    assert rows["ledger_entry"] > 100
    assert rows["dirty_mark"] == 0
    keep(
        13,
        "deterministic result",
        f"{len(heard)} interleavings, hash seeds and clocks (−10, 0, +10 min) of {len(_everything())} facts",
        f"identical digests of {len(rows) - 1} tables: {rows['ledger_entry']} entries, {rows['sheet']} sheets",
    )


async def test_control_another_order_within_streams_gives_another_result(
    heard: list[Digests], hear: Hear, keep: Keep
) -> None:
    differing = _differing([heard[0], await hear(broken="stream order")])
    assert {"known_assignment", "sheet"} <= differing
    keep(13, "control: streams out of order", "1 interleaving", f"tables that differ: {', '.join(sorted(differing))}")


async def test_control_what_reads_the_clock_gives_another_result(heard: list[Digests], keep: Keep) -> None:
    assert INSTANTS in _differing(heard)
    keep(13, "control: the instants of computing counted", f"{len(heard)} interleavings", f"{INSTANTS} differs")
