"""A share for every endpoint: two calls at once, what a station asks for is obeyed, what fails delays nobody."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import pytest
from starlette.responses import Response

from services.intel.clients import USER_AGENT
from services.intel.repository.deliveries import Deliveries
from services.intel.rules.delivery import Delivery, Endpoint, may_call, retry_after, room
from services.intel.service.gauges import show_deliveries
from tests.intel.conftest import MakeLoop
from tests.intel.sending import Held, dripping, proven, send, stations, waits
from tests.intel.support import Intel, Receiver, lease, running, serving, until
from tests.owner import as_owner

Station = tuple[Receiver, str]
HOURS = (5.0, 300.0, 1800.0, 7200.0)


async def _states(intel: Intel, org_id: UUID) -> list[str]:
    return [row.state for row in await intel.rows("SELECT state FROM delivery WHERE station = :org", org=org_id)]


async def _delivered(intel: Intel, org_id: UUID) -> bool:
    return set(await _states(intel, org_id)) == {"delivered"}


async def _called(intel: Intel, org_id: UUID) -> bool:
    query = "SELECT 1 FROM delivery WHERE station = :org AND called_at IS NOT NULL"
    return bool(await intel.rows(query, org=org_id))


@pytest.mark.parametrize("workers", [1, 3])
async def test_an_endpoint_gets_two_calls_at_once_over_all_workers(
    intel: Intel, make_loop: MakeLoop, workers: int
) -> None:
    held = Held()
    async with serving(held.app()) as url:
        (one,) = await stations(intel, url, 1)
        await proven(intel, one)
        await send(intel, [one], 10)
        async with running(*(make_loop().run for _ in range(workers))):
            await until(lambda: _inside(held, 2))
            await asyncio.gather(*(lane.take() for _ in range(3) for lane in make_loop().lanes))
            held.gate.set()
            await until(lambda: _all_called(held, 10))
    assert held.most[f"/{one}"] == 2


async def test_two_calls_are_counted_however_many_ask_at_the_same_moment(intel: Intel, make_loop: MakeLoop) -> None:
    (one,) = await stations(intel, "http://127.0.0.1:1", 1)
    await proven(intel, one)
    await send(intel, [one], 30)
    taken = await asyncio.gather(*(lane.take() for _ in range(8) for lane in make_loop().lanes))
    assert sum(len(rows) for rows in taken) == 2


async def test_an_endpoint_that_is_not_proven_gets_one_call_at_a_time(intel: Intel, make_loop: MakeLoop) -> None:
    (one,) = await stations(intel, "http://127.0.0.1:1", 1)
    await send(intel, [one], 5)
    taken = [await lane.take() for _ in range(3) for lane in make_loop().lanes]
    assert sum(len(rows) for rows in taken) == 1


async def test_places_go_to_the_endpoints_that_were_called_longest_ago(intel: Intel, make_loop: MakeLoop) -> None:
    three = await stations(intel, "http://127.0.0.1:1", 3)
    await send(intel, three[:1], 20)
    await send(intel, three[1:], 1)
    lane = make_loop().lanes[1]
    lane._free = 1
    order = [(await lane.take())[0]["station"] for _ in range(3)]
    assert set(order) == set(three)


@pytest.mark.parametrize("known", [False, True], ids=["new stations", "stations that worked before"])
async def test_fifty_stations_that_drip_do_not_delay_one_that_works(
    intel: Intel, make_loop: MakeLoop, receiver: Station, known: bool
) -> None:
    _, url = receiver
    async with dripping() as silent:
        fifty = await stations(intel, silent, 50)
        (well,) = await stations(intel, url, 1)
        await proven(intel, well, *(fifty if known else ()))
        await send(intel, fifty, 3)
        async with running(make_loop().run):
            await until(lambda: _leased(intel, 100 if known else 50))
            began = asyncio.get_running_loop().time()
            await send(intel, [well], 4)
            await until(lambda: _delivered(intel, well))
            assert asyncio.get_running_loop().time() - began < 2


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_is_obeyed(intel: Intel, make_loop: MakeLoop, receiver: Station, form: str) -> None:
    """Case 9."""
    server, url = receiver
    text = "120" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)
    server.answers = [Response(status_code=503, headers={"retry-after": text})]
    (one,) = await stations(intel, url.removesuffix("/orders"), 1)
    await send(intel, [one])
    async with running(make_loop(retry_seconds=HOURS).run):
        await until(lambda: _called(intel, one))
    assert await waits(intel, one) == [pytest.approx(120, abs=3)]
    await send(intel, [one])
    (wait,) = await intel.rows("SELECT asked_until - called_at AS rest FROM endpoint WHERE org_id = :org", org=one)
    assert wait.rest.total_seconds() == pytest.approx(120, abs=3)
    assert await lease(make_loop()) is None, "the other delivery does not ask a station that wants to be left alone"


def test_retry_after_in_every_form() -> None:
    now = datetime(2026, 10, 6, 8, 0, tzinfo=UTC)
    minute = timedelta(minutes=1)
    assert retry_after("60", now) == retry_after(" 60 ", now) == minute
    assert retry_after("Tue, 06 Oct 2026 08:01:00 GMT", now) == minute
    assert retry_after("Tuesday, 06-Oct-26 08:01:00 GMT", now) == minute
    assert retry_after("Tue Oct  6 08:01:00 2026", now) == minute
    assert retry_after("Tue, 06 Oct 2020 08:01:00 GMT", now) == timedelta()
    assert retry_after("9" * 400, now) == timedelta(seconds=999_999_999)
    for nothing in (None, "", "soon", "-5", "1.5", "１２", "Tue, 99 Oct 2026 08:01:00 GMT"):
        assert retry_after(nothing, now) is None, nothing


async def test_after_the_first_success_all_that_waits_is_due_at_once(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    """Case 10: 400 three times, then well; a new order arrives, and the old one waits no half hour."""
    server, url = receiver
    server.answers = [*(Response(status_code=400) for _ in range(3)), Response(status_code=202)]
    (one,) = await stations(intel, url.removesuffix("/orders"), 1)
    await send(intel, [one])
    async with running(make_loop(retry_seconds=(0.05, 0.05, 1800.0)).run):
        await until(lambda: _calls(server, 3))
        await until(lambda: _rests(intel, one, 1000))
        await send(intel, [one])
        await until(lambda: _delivered(intel, one), seconds=5)
    assert len(server.calls) == 5


async def test_while_an_endpoint_fails_one_call_finds_out(intel: Intel, make_loop: MakeLoop, receiver: Station) -> None:
    server, url = receiver
    server.answers = [Response(status_code=503)]
    (one,) = await stations(intel, url.removesuffix("/orders"), 1)
    await proven(intel, one)
    await send(intel, [one], 20)
    async with running(make_loop(retry_seconds=HOURS).run):
        await until(lambda: _called(intel, one))
        await until(lambda: _nothing_leased(intel))
        assert len(server.calls) <= 2
        shown = (await intel.get(f"/v1/endpoints/{one}")).json()
        assert (shown["failures"], shown["pending"]) == (len(server.calls), 20)
        assert shown["rests_until"] is not None
        attempts = await intel.rows("SELECT sum(attempts) AS n FROM delivery")
        assert attempts[0].n == len(server.calls), "those that were not sent burnt no attempt"

        server.answers = [Response(status_code=202)]
        await intel.rows_changed("UPDATE endpoint SET rests_until = now()")
        await until(lambda: _delivered(intel, one), seconds=5)


async def test_what_refuses_one_delivery_does_not_rest_the_endpoint(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    server, url = receiver
    server.answers = [Response(status_code=422), Response(status_code=202)]
    (one,) = await stations(intel, url.removesuffix("/orders"), 1)
    await proven(intel, one)
    await send(intel, [one], 3)
    async with running(make_loop(retry_seconds=HOURS).run):
        await until(lambda: _delivered(intel, one), seconds=5)


@pytest.mark.parametrize(
    "spoilt",
    [
        "UPDATE endpoint SET secret = 'x' WHERE org_id = '{one}'",
        "UPDATE endpoint SET url = 'http://127.0.0.1:1/\u2028' WHERE org_id = '{one}'",
        "UPDATE endpoint SET url = 'nothing' WHERE org_id = '{one}'",
        "UPDATE delivery SET report_id = (SELECT report_id FROM report) WHERE station = '{one}'",
    ],
    ids=["secret", "line separator", "no address", "sealed summary"],
)
async def test_a_delivery_that_cannot_be_made_is_kept_shown_and_delays_nobody(
    intel: Intel, make_loop: MakeLoop, receiver: Station, spoilt: str
) -> None:
    _, url = receiver
    await intel.ordered()
    await intel.rows_changed("UPDATE report SET summary = 'x'")
    one, other = await stations(intel, url.removesuffix("/orders"), 2)
    await send(intel, [one, other])
    await intel.rows_changed(spoilt.format(one=one))
    async with running(make_loop(retry_seconds=HOURS).run):
        await until(lambda: _delivered(intel, other), seconds=5)
        await until(lambda: _called(intel, one))
    (shown,) = (await intel.get(f"/v1/endpoints/{one}/deliveries")).json()["items"]
    assert (shown["state"], shown["attempts"]) == ("pending", 1)
    assert shown["code"] in ("unreadable_here", "not_made", "not_a_url")
    assert shown["next_at"] > shown["called_at"]


async def test_an_outcome_that_cannot_be_written_ends_nothing(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    """A row that the database refuses is one delivery's trouble."""
    _, url = receiver
    one, other = await stations(intel, url.removesuffix("/orders"), 2)
    await send(intel, [one])
    refused = f"CHECK (station <> '{one}' OR called_at IS NULL)"
    await as_owner(intel.database.url, f"ALTER TABLE delivery ADD CONSTRAINT refused {refused}")
    try:
        async with running(make_loop().run):
            await until(lambda: _leased(intel, 1))
            await send(intel, [other])
            await until(lambda: _delivered(intel, other))  # long before the lease of the refused one ends
            assert await _states(intel, one) == ["pending"]
    finally:
        await as_owner(intel.database.url, "ALTER TABLE delivery DROP CONSTRAINT refused")


async def test_we_say_who_we_are(intel: Intel, make_loop: MakeLoop, receiver: Station) -> None:
    server, url = receiver
    port = url.split(":")[2].removesuffix("/orders")
    (one,) = await stations(intel, url.removesuffix("/orders"), 1)
    await intel.rows_changed(f"UPDATE endpoint SET url = 'http://localhost:{port}/orders' WHERE org_id = '{one}'")
    await send(intel, [one])
    listed = frozenset({"localhost:*"})
    async with running(make_loop(allowed_hosts=listed).run):
        await until(lambda: _delivered(intel, one))
    headers = server.calls[0]["headers"]
    assert headers["user-agent"] == USER_AGENT
    assert headers["host"] == f"localhost:{port}", "the address was looked up, the name is kept"


async def test_a_name_that_leads_where_it_must_not_is_not_called(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    """The resolver takes this listed name for 127.0.0.1: as a rebound name in somebody's DNS would be."""
    server, url = receiver
    port = url.split(":")[2].removesuffix("/orders")
    (one,) = await stations(intel, "http://127.0.0.1:1", 1)
    await intel.rows_changed(f"UPDATE endpoint SET url = 'https://2130706433:{port}/x' WHERE org_id = '{one}'")
    await send(intel, [one])
    async with running(make_loop(allowed_hosts=frozenset({"2130706433:*"}), retry_seconds=HOURS).run):
        await until(lambda: _called(intel, one))
    (row,) = await intel.rows("SELECT code FROM delivery WHERE station = :org", org=one)
    assert row.code == "address_not_allowed"
    assert server.calls == []


async def test_the_statement_takes_what_the_rules_allow(intel: Intel, make_loop: MakeLoop) -> None:
    """Endpoints and deliveries in every state at random; the lease is held against `may_call` and `room`."""
    many = await stations(intel, "http://127.0.0.1:1", 120)
    await send(intel, many, 4)
    await intel.rows_changed("""
        UPDATE endpoint SET
            paused_at = CASE WHEN random() < 0.2 THEN now() END, failures = (random() * 1.4)::int,
            succeeded_at = CASE WHEN random() < 0.6 THEN now() END,
            rests_until = CASE WHEN random() < 0.4 THEN now() + (random() - 0.5) * interval '1 hour' END,
            asked_until = CASE WHEN random() < 0.3 THEN now() + (random() - 0.5) * interval '1 hour' END""")
    await intel.rows_changed("""
        UPDATE delivery SET
            state = (ARRAY['pending', 'pending', 'pending', 'delivered', 'dead'])[1 + floor(random() * 5)],
            event = (ARRAY['order.created', 'order.created', 'endpoint.test'])[1 + floor(random() * 3)],
            next_at = now() + (random() - 0.6) * interval '1 hour',
            lease_until = CASE WHEN random() < 0.3 THEN now() + (random() - 0.3) * interval '1 hour' END""")
    await intel.rows_changed("UPDATE delivery SET lease_token = gen_random_uuid() WHERE lease_until IS NOT NULL")
    endpoints = {row.org_id: row for row in await intel.rows("SELECT * FROM endpoint")}
    rows = await intel.rows("SELECT * FROM delivery ORDER BY next_at, delivery_id")
    async with intel.database.unit() as unit:
        now, places = unit.now, 1000
        taken = [
            row["delivery_id"]
            for lane in (True, False)
            for row in await Deliveries(unit.connection).lease(now, lane, places)
        ]
    busy = Counter(row.station for row in rows if row.lease_until and row.lease_until >= now)
    expected = []
    for row in rows:
        of = endpoints[row.station]
        stands = Endpoint(bool(of.paused_at), of.failures, of.succeeded_at is not None, of.rests_until, of.asked_until)
        free = row.lease_until is None or row.lease_until < now
        if free and may_call(Delivery(row.event, row.state, row.attempts, row.next_at), stands, busy[row.station], now):
            assert busy[row.station] < room(stands)
            busy[row.station] += 1
            expected.append(row.delivery_id)
    assert sorted(taken) == sorted(expected)
    assert len(expected) > 20


async def test_what_waits_is_counted_for_those_who_watch(intel: Intel) -> None:
    one, two, three = await stations(intel, "http://127.0.0.1:1", 3)
    await send(intel, [one, two, three], 2)
    await intel.client.post(f"/v1/endpoints/{one}/pause", headers=intel.headers())
    await intel.client.post(f"/v1/endpoints/{two}/test", headers=intel.headers())
    await intel.rows_changed(f"UPDATE delivery SET state = 'dead' WHERE station = '{two}'")
    await intel.rows_changed("UPDATE delivery SET created_at = now() - interval '1 hour'")
    await intel.ordered()
    await intel.rows_changed(
        "UPDATE delivery SET state = 'delivered', delivered_at = now() - interval '2 hours' WHERE order_id IS NOT NULL"
    )
    async with intel.database.unit() as unit:
        assert not await show_deliveries(unit)
        counts = await Deliveries(unit.connection).counts(unit.now)
    assert [counts[name] for name in ("waiting", "paused", "dead", "unacknowledged")] == [2, 2, 2, 1]
    assert float(counts["oldest"]) == pytest.approx(3600, abs=5)
    assert float(counts["oldest_unacknowledged"]) == pytest.approx(7200, abs=5)


async def _inside(held: Held, count: int) -> bool:
    return sum(held.inside.values()) == count


async def _all_called(held: Held, count: int) -> bool:
    return sum(held.calls.values()) == count and sum(held.inside.values()) == 0


async def _calls(server: Receiver, count: int) -> bool:
    return len(server.calls) >= count


async def _leased(intel: Intel, count: int) -> bool:
    return len(await intel.rows("SELECT 1 FROM delivery WHERE lease_token IS NOT NULL")) >= count


async def _nothing_leased(intel: Intel) -> bool:
    return not await _leased(intel, 1)


async def _rests(intel: Intel, org_id: UUID, seconds: int) -> bool:
    query = "SELECT 1 FROM delivery WHERE station = :org AND next_at > now() + :seconds * interval '1 second'"
    return bool(await intel.rows(query, org=org_id, seconds=seconds))
