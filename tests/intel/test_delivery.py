"""Orders reach the stations: signed afresh on each attempt, retried, never sent where they must not go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from standardwebhooks import Webhook
from starlette.responses import Response

from services.intel.clients import Attempt
from services.intel.rules.delivery import next_wait
from services.intel.service.deliveries import Deliveries
from services.intel.settings import IntelSettings
from tests.intel.conftest import MakeLoop
from tests.intel.support import OTHER_STATION, SECRET, STATION, SUMMARY, Intel, Receiver, lease, running, station, until

Station = tuple[Receiver, str]


async def delivery(intel: Intel) -> str:
    ((state,),) = await intel.rows("SELECT state FROM delivery")
    return str(state)


def is_delivery(intel: Intel, wanted: str) -> Callable[[], Awaitable[bool]]:
    """A condition to wait for."""

    async def holds() -> bool:
        return await delivery(intel) == wanted

    return holds


async def test_an_order_arrives_signed_with_what_the_station_must_know(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    server, url = receiver
    report = await intel.ordered()
    await intel.put_endpoint(url)
    async with running(make_loop().run):
        await until(is_delivery(intel, "delivered"))

    (call,) = server.calls
    order = Webhook(SECRET).verify(call["body"], call["headers"])
    assert order["summary"] == SUMMARY
    assert (order["severity"], order["village_name"], order["reporter_badge"]) == ("urgent", "测试村", "000007")
    assert call["headers"]["webhook-id"] == order["order_id"] == report["order"]["order_id"]


async def test_each_attempt_has_a_fresh_signature_and_the_same_id(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    server, url = receiver
    server.answers = [Response(status_code=503), Response(status_code=500), Response(status_code=204)]
    report = await intel.ordered()
    await intel.put_endpoint(url)
    # Waits over a second, so that the timestamps (whole seconds) must differ.
    async with running(make_loop(retry_seconds=(1.4, 1.4)).run):
        await until(is_delivery(intel, "delivered"))

    headers = [call["headers"] for call in server.calls]
    assert len({h["webhook-id"] for h in headers}) == 1
    assert len({h["webhook-timestamp"] for h in headers}) == 3
    assert len({h["webhook-signature"] for h in headers}) == 3
    assert len({call["body"] for call in server.calls}) == 1
    timeline = (await intel.report(report["report_id"]))["timeline"]
    assert [m["code"] for m in timeline if m["what"] == "attempt"] == ["503", "500", "204"]
    assert timeline[-1]["what"] == "delivery_delivered"
    assert all(m["to"] == "测试派出所" for m in timeline if m["what"] == "attempt")
    assert timeline[-3]["seconds_since_previous"] >= 1


async def test_after_the_last_wait_the_delivery_is_dead_and_a_new_endpoint_revives_it(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    server, url = receiver
    server.answers = [Response(status_code=500)]
    report = await intel.ordered()
    await intel.put_endpoint(url)
    async with running(make_loop().run):
        await until(is_delivery(intel, "dead"))
        shown = await intel.report(report["report_id"])
        assert len(server.calls) == 4  # three waits, four attempts
        assert [m["what"] for m in shown["timeline"]][-2:] == ["attempt", "delivery_dead"]
        own = (await intel.get(f"/v1/me/reports?officer={report['reporter']}")).json()["items"]
        assert "未能送达" in own[0]["what_happened"]

        server.answers = [Response(status_code=202)]
        await intel.put_endpoint(url)
        await until(is_delivery(intel, "delivered"))


async def test_a_redirect_is_not_followed(intel: Intel, make_loop: MakeLoop, receiver: Station) -> None:
    server, url = receiver
    server.answers = [Response(status_code=307, headers={"location": url.replace("/orders", "/elsewhere")})]
    await intel.ordered()
    await intel.put_endpoint(url)
    async with running(make_loop(retry_seconds=(60,)).run):
        await until(lambda: _has_attempt(intel, "307"))

    assert [call["path"] for call in server.calls] == ["/orders"]
    assert await delivery(intel) == "pending"


async def test_an_endless_answer_is_cut_off(intel: Intel, make_loop: MakeLoop, receiver: Station) -> None:
    server, url = receiver
    server.answers = [Response(b"x" * 100_000)]
    await intel.ordered()
    await intel.put_endpoint(url)
    async with running(make_loop(retry_seconds=(60,)).run):
        await until(lambda: _has_attempt(intel, "answer_too_long"))


async def test_an_address_that_is_gone_rests_without_costing_attempts(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    server, url = receiver
    server.answers = [Response(status_code=410), Response(status_code=202)]
    report = await intel.ordered()
    await intel.put_endpoint(url)
    async with running(make_loop().run):
        await until(lambda: _has_attempt(intel, "410"))
        order = (await intel.report(report["report_id"]))["order"]
        assert (order["delivery"], order["attempts"], order["waiting_for"]) == ("pending", 0, "endpoint_paused")

        await intel.put_endpoint(url)
        await until(is_delivery(intel, "delivered"))


async def test_a_host_off_the_list_is_refused_when_set_and_when_called(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    server, url = receiver
    refused = await intel.put_endpoint("https://192.0.2.7/orders")
    assert (refused.status_code, refused.json()["code"]) == (422, "intel.address_refused")
    assert refused.json()["reason"] == "host_not_allowed"

    await intel.ordered()
    await intel.put_endpoint(url)
    async with running(make_loop(allowed_hosts=frozenset({"station.example"}), retry_seconds=(60,)).run):
        await until(lambda: _has_attempt(intel, "host_not_allowed"))
    assert server.calls == []


@pytest.mark.parametrize("secret", ["", "plain", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!"])
async def test_an_unusable_secret_is_refused(intel: Intel, secret: str) -> None:
    answer = await intel.put_endpoint("http://127.0.0.1:1/", secret=secret)
    assert answer.status_code == 422


async def test_the_secret_is_sealed_and_never_answered(intel: Intel) -> None:
    answer = await intel.put_endpoint("http://127.0.0.1:1/")
    (row,) = await intel.rows("SELECT endpoint::text AS text, secret FROM endpoint")
    assert SECRET not in answer.text
    assert SECRET not in row.text
    assert SECRET.encode() not in row.secret


async def test_an_endpoint_of_another_county_does_not_exist(intel: Intel) -> None:
    answer = await intel.client.put(
        f"/v1/endpoints/{STATION}",
        json={"url": "http://127.0.0.1:1/", "secret": SECRET},
        headers=intel.headers(division="411621"),
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "intel.station_not_found")


async def test_an_endpoint_is_set_only_by_who_answers_for_all_that_the_station_serves(intel: Intel) -> None:
    nobody, both = uuid4(), uuid4()
    await intel.learn(station(nobody, "空所"), station(both, "跨县所", "411622100000", "411621100000"))
    for org_id, division, status in (
        (nobody, "411622", 404),
        (both, "411622", 404),
        (both, "4116", 200),
        (STATION, "411622100", 200),
        (STATION, "411622100201", 404),
    ):
        answer = await intel.client.put(
            f"/v1/endpoints/{org_id}",
            json={"url": "http://127.0.0.1:1/", "secret": SECRET},
            headers=intel.headers(division=division),
        )
        assert answer.status_code == status, (org_id, division)


async def test_how_a_call_to_the_old_address_ends_says_nothing_about_the_new_one(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    _, url = receiver
    await intel.ordered()
    await intel.put_endpoint(url)
    leased = await lease(make_loop())
    assert leased is not None
    await intel.put_endpoint(url)

    async with intel.database.unit() as unit:
        await Deliveries(unit).finish(leased, Attempt("gone", "410"), (60,), 0)

    assert await intel.rows("SELECT paused_at FROM endpoint") == [(None,)]
    again = await lease(make_loop())
    assert again is not None
    assert again["attempts"] == 1


async def test_two_workers_deliver_each_order_once(intel: Intel, make_loop: MakeLoop, receiver: Station) -> None:
    server, url = receiver
    for _ in range(12):
        await intel.ordered()
    await intel.put_endpoint(url)
    async with running(make_loop().run, make_loop().run):
        await until(lambda: _all_delivered(intel))

    ids = [call["headers"]["webhook-id"] for call in server.calls]
    assert len(ids) == len(set(ids)) == 12


async def test_one_report_has_one_order_however_many_route_it(intel: Intel) -> None:
    await intel.post_waiting()
    await asyncio.gather(*(intel.tick() for _ in range(4)))
    assert len(await intel.rows("SELECT 1 FROM station_order")) == 1
    assert (await intel.names()).count("report_routed") == 1


async def test_an_order_left_by_a_killed_worker_is_taken_up_after_its_lease(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    server, url = receiver
    await intel.ordered()
    await intel.put_endpoint(url)
    await intel.rows_changed(
        "UPDATE delivery SET lease_token = gen_random_uuid(), lease_until = now() + interval '1 hour'"
    )
    loop = make_loop()
    assert await lease(loop) is None
    await intel.rows_changed("UPDATE delivery SET lease_until = now() - interval '1 second'")
    async with running(loop.run):
        await until(is_delivery(intel, "delivered"))
    assert len(server.calls) == 1


async def test_a_lost_lease_changes_nothing_but_is_told(intel: Intel, make_loop: MakeLoop, receiver: Station) -> None:
    _, url = receiver
    report = await intel.ordered()
    await intel.put_endpoint(url)
    loop = make_loop()
    leased = await lease(loop)
    assert leased is not None
    await intel.rows_changed("UPDATE delivery SET lease_token = gen_random_uuid()")
    await loop.deliver(leased)

    assert await delivery(intel) == "pending"
    assert (await intel.report(report["report_id"]))["timeline"][-1]["what"] == "attempt"


async def test_a_hanging_station_does_not_hold_up_the_others(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    _, url = receiver
    hanging = await asyncio.start_server(_say_nothing, "127.0.0.1", 0)
    port = hanging.sockets[0].getsockname()[1]
    await intel.ordered()
    await intel.put_endpoint(f"http://127.0.0.1:{port}/")
    await intel.put_endpoint(url, OTHER_STATION)
    async with running(make_loop().run):
        await until(lambda: _leased(intel))
        await intel.order_to_other_station()
        await until(lambda: _delivered_to(intel, OTHER_STATION), seconds=5)
    hanging.close()


async def test_a_station_without_endpoint_waits_visibly(intel: Intel, make_loop: MakeLoop) -> None:
    await intel.ordered()
    assert await lease(make_loop()) is None
    (order,) = (await intel.get(f"/v1/stations/{STATION}/orders")).json()["items"]
    assert (order["delivery"], order["waiting_for"]) == ("pending", "endpoint")


def test_waits_follow_the_schedule_with_a_fifth_of_jitter() -> None:
    schedule = (5, 300)
    assert next_wait(1, schedule, 0) == timedelta(seconds=5)
    assert (next_wait(2, schedule, -1), next_wait(2, schedule, 1)) == (timedelta(seconds=240), timedelta(seconds=360))
    assert next_wait(3, schedule, 0) is None


def test_lists_in_the_environment_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    required = {
        "CUNJING_INTEL_DATABASE_URL": "x",
        "KAFKA_BOOTSTRAP_SERVERS": "x",
        "CUNJING_JWT_ISSUER": "x",
        "CUNJING_JWT_AUDIENCE": "x",
        "CUNJING_JWKS": "x",
        "CUNJING_INTEL_ALLOWED_HOSTS": "a.example, b.example:8443",
        "CUNJING_INTEL_RETRY_SECONDS": "0.5,2",
    }
    for name, value in required.items():
        monkeypatch.setenv(name, value)
    settings = IntelSettings.of("intel")
    assert settings.allowed_hosts == {"a.example", "b.example:8443"}
    assert settings.retry_seconds == (0.5, 2)


async def _has_attempt(intel: Intel, code: str) -> bool:
    return bool(await intel.rows("SELECT 1 FROM timeline WHERE what = 'attempt' AND code = :code", code=code))


async def _all_delivered(intel: Intel) -> bool:
    return not await intel.rows("SELECT 1 FROM delivery WHERE state <> 'delivered'")


async def _delivered_to(intel: Intel, org_id: UUID) -> bool:
    query = "SELECT 1 FROM delivery WHERE station = :org AND state = 'delivered'"
    return bool(await intel.rows(query, org=org_id))


async def _leased(intel: Intel) -> bool:
    return bool(await intel.rows("SELECT 1 FROM delivery WHERE lease_token IS NOT NULL"))


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()
