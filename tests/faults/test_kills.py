"""Promise 1: what was accepted is kept, whoever is killed and whenever."""

from __future__ import annotations

import random
from pathlib import Path

from tests.faults.conftest import Keep, pick
from tests.faults.crew import Crew, crew
from tests.faults.ledger import Lane, until
from tests.faults.process import POINTS, Orders


def _orders(lane: Lane, role: str, folder: Path, *, deadly: bool, broken: str | None = None) -> Orders:
    point = random.choice([point for point in POINTS if point.startswith(role)]) if deadly else None
    return Orders(
        role,
        lane.address,
        die_at=point,
        die_on=random.randint(1, 25),
        broken=broken,
        pause=0.01,
        accepted=folder / "accepted",
    )


def _keep(people: Crew, lane: Lane, folder: Path, *names: str, deadly: bool = True, broken: str | None = None) -> None:
    for name in names:
        role = name.partition(" ")[0]
        people.keep(name, lambda role=role: _orders(lane, role, folder, deadly=deadly, broken=broken))  # type: ignore[misc]


async def _killed(people: Crew, times: int) -> bool:
    return people.killed >= times


async def test_what_was_accepted_is_kept_whoever_is_killed(lane: Lane, tmp_path: Path, keep: Keep) -> None:
    kills = pick(12, 200)
    async with crew() as people:
        _keep(people, lane, tmp_path, "writer 1", "writer 2", "relay 1", "relay 2", "reader 1", "reader 2")
        await until(lambda: _killed(people, kills), seconds=15 * kills)
        await people.dismiss_all()
        _keep(people, lane, tmp_path, "relay 1", "reader 1", deadly=False)
        verdict = await lane.settled()
    accepted = set((tmp_path / "accepted").read_text().split())
    kept = {str(row.fact_id) for row in await lane.published_rows()}
    lost = len(accepted - kept)
    assert verdict.is_clean
    assert lost == 0
    keep(
        1,
        "accepted means kept",
        f"{people.killed} kills at {len(POINTS)} points",
        f"{len(accepted):,} accepted, lost {lost + verdict.lost}, doubled {verdict.doubled}, "
        f"out of order {verdict.out_of_order}, outstanding {verdict.outstanding}",
    )


async def test_control_a_relay_that_marks_before_it_sends_loses_facts(lane: Lane, tmp_path: Path) -> None:
    async with crew() as people:
        await lane.backlog(200)
        people.keep("relay", lambda: Orders("relay", lane.address, die_at="relay.after_send", broken="marks first"))
        await until(lambda: _killed(people, 1))
        await people.dismiss_all()
        _keep(people, lane, tmp_path, "relay 1", "reader 1", deadly=False)
        verdict = await lane.settled(seconds=2)
    assert verdict.lost > 0


async def test_control_a_consumer_that_commits_its_offsets_first_loses_facts(lane: Lane, tmp_path: Path) -> None:
    async with crew() as people:
        await lane.backlog(200)
        people.keep(
            "reader", lambda: Orders("reader", lane.address, die_at="reader.before_commit", broken="commits first")
        )
        _keep(people, lane, tmp_path, "relay 1", deadly=False)
        await until(lambda: _killed(people, 1))
        people.dismiss("reader")
        _keep(people, lane, tmp_path, "reader 1", deadly=False)
        verdict = await lane.settled(seconds=2)
    assert verdict.lost > 0
