"""Long work gives way, and goes on all the same."""

from __future__ import annotations

import asyncio

from shared.turns import going_first, in_turns


async def test_work_in_turns_waits_while_somebody_goes_first() -> None:
    done: list[str] = []

    async def long_work() -> None:
        async for number in in_turns(range(3), 1):
            done.append(f"turn {number}")

    with going_first():
        working = asyncio.create_task(long_work())
        while not done:
            await asyncio.sleep(0)
        done.append("commit")
    await working

    assert done == ["turn 0", "commit", "turn 1", "turn 2"]


async def test_work_in_turns_goes_on_beside_somebody_who_never_ends() -> None:
    with going_first():
        async with asyncio.timeout(5):
            assert [number async for number in in_turns(range(3), 1)] == [0, 1, 2]
