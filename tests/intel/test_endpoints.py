"""What a person may do about a station's endpoint and its deliveries: each of it has a scope and is audited."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from starlette.responses import Response

from services.intel.rules.signature import sign
from tests.intel.conftest import MakeLoop
from tests.intel.sending import send, stations
from tests.intel.support import SECRET, STATION, Intel, Receiver, lease, running, station, until

Station = tuple[Receiver, str]
NEW_SECRET = "whsec_" + b64encode(b"n" * 32).decode()
HERE = f"/v1/endpoints/{STATION}"


async def ask(intel: Intel, method: str, path: str, body: Any = None, **claims: Any) -> httpx.Response:
    return await intel.client.request(method, path, json=body, headers=intel.headers(**claims))


async def audited(intel: Intel) -> list[str]:
    return [row.action for row in await intel.rows("SELECT action FROM audit ORDER BY id")]


async def _state_of(intel: Intel, delivery_id: str) -> str:
    (row,) = await intel.rows("SELECT state FROM delivery WHERE delivery_id = :id", id=UUID(delivery_id))
    return str(row.state)


async def _delivered(intel: Intel) -> bool:
    return not await intel.rows("SELECT 1 FROM delivery WHERE state <> 'delivered'")


async def test_an_endpoint_is_read_and_listed_without_its_secret(intel: Intel) -> None:
    await intel.put_endpoint("http://127.0.0.1:1/")
    await intel.ordered()
    shown = await ask(intel, "GET", HERE)
    listed = await ask(intel, "GET", "/v1/endpoints")
    assert shown.status_code == listed.status_code == 200
    assert shown.json()["url"] == "http://127.0.0.1:1/"
    assert (shown.json()["pending"], shown.json()["dead"], shown.json()["paused_at"]) == (1, 0, None)
    assert listed.json()["items"] == [shown.json()]
    assert SECRET not in shown.text + listed.text
    assert not [name for name in shown.json() if "secret" in name and name != "former_secret_until"]


async def test_the_list_goes_page_by_page_and_ends_at_the_jurisdiction(intel: Intel) -> None:
    three = await stations(intel, "http://127.0.0.1:1", 3)
    await intel.learn(far := station(uuid4(), "外县所", "411621100000"))
    given = {"url": "http://127.0.0.1:1/", "secret": SECRET}
    await ask(intel, "PUT", f"/v1/endpoints/{far.org_id}", given, division="4116")
    seen, after = [], ""
    while after is not None:
        page = (await ask(intel, "GET", f"/v1/endpoints?limit=2{after and f'&after={after}'}")).json()
        seen += [one["org_id"] for one in page["items"]]
        after = page["next"]
    assert sorted(seen) == sorted(map(str, three))
    assert (await ask(intel, "GET", f"/v1/endpoints/{far.org_id}")).status_code == 404


async def test_a_paused_endpoint_is_sent_nothing_until_it_is_resumed(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    server, url = receiver
    await intel.put_endpoint(url)
    paused = (await ask(intel, "POST", f"{HERE}/pause")).json()
    assert (paused["paused_because"], paused["paused_at"] is None) == ("person", False)
    report = await intel.ordered()
    assert report["order"]["waiting_for"] == "endpoint_paused"
    assert await lease(make_loop()) is None

    resumed = (await ask(intel, "POST", f"{HERE}/resume")).json()
    assert (resumed["paused_at"], resumed["paused_because"]) == (None, None)
    async with running(make_loop().run):
        await until(lambda: _delivered(intel))
    assert len(server.calls) == 1
    assert [a for a in await audited(intel) if a.startswith("endpoint")] == [
        "endpoint.put",
        "endpoint.pause",
        "endpoint.resume",
    ]


async def test_resuming_ends_every_rest(intel: Intel, make_loop: MakeLoop) -> None:
    await intel.put_endpoint("http://127.0.0.1:1/")
    await intel.ordered()
    later = "now() + interval '1 hour'"
    await intel.rows_changed(f"UPDATE endpoint SET failures = 7, rests_until = {later}, asked_until = {later}")
    await intel.rows_changed(f"UPDATE delivery SET next_at = {later}, attempts = 3")
    assert (await ask(intel, "GET", HERE)).json()["rests_until"] is not None
    assert await lease(make_loop()) is None
    assert (await ask(intel, "POST", f"{HERE}/resume")).json()["rests_until"] is None
    leased = await lease(make_loop())
    assert leased is not None
    assert leased["attempts"] == 3


async def test_a_test_is_signed_and_reaches_an_endpoint_that_is_paused(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    server, url = receiver
    await intel.put_endpoint(url)
    await ask(intel, "POST", f"{HERE}/pause")
    asked = await ask(intel, "POST", f"{HERE}/test")
    assert (asked.status_code, asked.json()["event"]) == (202, "endpoint.test")
    async with running(make_loop().run):
        await until(lambda: _delivered(intel))
    (call,) = server.calls
    told = Webhook(SECRET).verify(call["body"], call["headers"])
    assert told == {
        "type": "endpoint.test",
        "delivery_id": asked.json()["delivery_id"],
        "station": str(STATION),
    }
    shown = (await ask(intel, "GET", f"{HERE}/deliveries/{asked.json()['delivery_id']}")).json()
    assert (shown["state"], shown["code"]) == ("delivered", "202")
    assert (await ask(intel, "GET", HERE)).json()["paused_because"] == "person", "a test resumes nothing"


async def test_a_test_that_fails_says_so_and_is_not_repeated(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    server, url = receiver
    server.answers = [Response(status_code=410)]
    await intel.put_endpoint(url)
    first = (await ask(intel, "POST", f"{HERE}/test")).json()["delivery_id"]
    second = (await ask(intel, "POST", f"{HERE}/test")).json()["delivery_id"]
    async with running(make_loop().run):
        await until(lambda: _is(intel, second, "dead"))
    assert len(server.calls) == 1
    assert (await ask(intel, "GET", f"{HERE}/deliveries/{first}")).status_code == 404, "only the last test is kept"
    shown = (await ask(intel, "GET", HERE)).json()
    assert (shown["dead"], shown["paused_at"]) == (0, None)


async def test_a_deleted_endpoint_is_gone_and_its_orders_wait(intel: Intel, make_loop: MakeLoop) -> None:
    await intel.put_endpoint("http://127.0.0.1:1/")
    report = await intel.ordered()
    leased = await lease(make_loop())
    assert leased is not None
    assert (await ask(intel, "DELETE", HERE)).status_code == 204
    await make_loop().deliver(leased)

    assert (await ask(intel, "GET", HERE)).json()["code"] == "intel.endpoint_not_found"
    order = (await intel.report(report["report_id"]))["order"]
    assert (order["delivery"], order["waiting_for"]) == ("pending", "endpoint")
    assert (await ask(intel, "DELETE", HERE)).status_code == 404
    answer = await intel.call_back({"order_id": order["order_id"], "event": "received"})
    assert answer.json()["code"] == "intel.signature_wrong"


async def test_a_delivery_is_sent_again_under_the_same_id_whatever_became_of_it(
    intel: Intel, make_loop: MakeLoop, receiver: Station
) -> None:
    server, url = receiver
    await intel.put_endpoint(url)
    order_id = (await intel.ordered())["order"]["order_id"]
    again = f"{HERE}/deliveries/{order_id}/send"
    async with running(make_loop().run):
        await until(lambda: _is(intel, order_id, "delivered"))
        answer = (await ask(intel, "POST", again)).json()
        assert (answer["state"], answer["attempts"], answer["delivered_at"]) == ("pending", 0, None)
        await until(lambda: _is(intel, order_id, "delivered"))
        await intel.rows_changed("UPDATE delivery SET state = 'dead', attempts = 10")
        await ask(intel, "POST", again)
        await until(lambda: _is(intel, order_id, "delivered"))
    assert [call["headers"]["webhook-id"] for call in server.calls] == [order_id] * 3
    assert (await audited(intel)).count("delivery.send_again") == 2
    assert (await ask(intel, "POST", f"{HERE}/deliveries/{uuid4()}/send")).json()["code"] == "intel.delivery_not_found"


async def test_deliveries_are_listed_by_state(intel: Intel) -> None:
    await intel.put_endpoint("http://127.0.0.1:1/")
    await send(intel, [STATION], 3)
    await intel.rows_changed(
        "UPDATE delivery SET state = 'dead' WHERE delivery_id = (SELECT delivery_id FROM delivery LIMIT 1)"
    )
    dead = (await ask(intel, "GET", f"{HERE}/deliveries?state=dead")).json()["items"]
    first = (await ask(intel, "GET", f"{HERE}/deliveries?limit=2")).json()
    rest = (await ask(intel, "GET", f"{HERE}/deliveries?limit=2&after={first['next']}")).json()
    assert [one["state"] for one in dead] == ["dead"]
    assert len({one["delivery_id"] for one in [*first["items"], *rest["items"]]}) == 3
    assert rest["next"] is None
    assert (await ask(intel, "GET", f"{HERE}/deliveries?state=lost")).status_code == 422


async def test_both_secrets_count_for_a_time(intel: Intel, make_loop: MakeLoop, receiver: Station) -> None:
    server, url = receiver
    await intel.put_endpoint(url)
    order_id = (await intel.ordered())["order"]["order_id"]
    answer = await ask(intel, "POST", f"{HERE}/secret", {"secret": NEW_SECRET, "former_valid_seconds": 600})
    assert answer.json()["former_secret_until"] is not None
    assert NEW_SECRET not in answer.text
    async with running(make_loop().run):
        await until(lambda: _delivered(intel))
        for secret in (SECRET, NEW_SECRET):
            assert Webhook(secret).verify(server.calls[0]["body"], server.calls[0]["headers"])
            assert (await _calls_back(intel, order_id, secret)).status_code == 200

        await intel.rows_changed("UPDATE endpoint SET former_secret_until = now()")
        await ask(intel, "POST", f"{HERE}/deliveries/{order_id}/send")
        await until(lambda: _delivered(intel))
    last = server.calls[-1]
    assert Webhook(NEW_SECRET).verify(last["body"], last["headers"])
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(last["body"], last["headers"])
    assert (await _calls_back(intel, order_id, SECRET)).status_code == 401
    assert (await ask(intel, "GET", HERE)).json()["former_secret_until"] is None
    assert "endpoint.rotate" in await audited(intel)


async def _calls_back(intel: Intel, order_id: str, secret: str) -> httpx.Response:
    return await intel.call_back({"order_id": order_id, "event": "received"}, secret=secret)


@pytest.mark.parametrize(
    ("broken", "header", "reason"),
    [
        ({"webhook-id": ""}, "webhook-id", "missing"),
        ({"webhook-id": "x" * 300}, "webhook-id", "malformed"),
        ({"webhook-timestamp": ""}, "webhook-timestamp", "missing"),
        ({"webhook-timestamp": "soon"}, "webhook-timestamp", "malformed"),
        ({"webhook-signature": ""}, "webhook-signature", "missing"),
        ({"webhook-signature": "abc"}, "webhook-signature", "malformed"),
        ({"webhook-signature": "v1,abc"}, "webhook-signature", "no_match"),
    ],
)
async def test_a_refused_signature_says_which_header_is_wrong(
    intel: Intel, broken: dict[str, str], header: str, reason: str
) -> None:
    await intel.put_endpoint("http://127.0.0.1:1/")
    body = json.dumps({"order_id": str(uuid4()), "event": "received", "at": "2026-10-06T00:00:00Z"})
    headers = sign(SECRET, "call-1", datetime.now(UTC), body) | broken
    answer = await intel.client.post(f"/v1/station-callbacks/{STATION}", content=body, headers=headers)
    assert (answer.status_code, answer.json()["header"], answer.json()["reason"]) == (401, header, reason)


CHANGES = (
    ("POST", "/pause", None),
    ("POST", "/resume", None),
    ("POST", "/test", None),
    ("POST", "/secret", {"secret": NEW_SECRET}),
    ("DELETE", "", None),
)


@pytest.mark.parametrize(("method", "path", "body"), CHANGES, ids=[path or "delete" for _, path, _ in CHANGES])
async def test_only_who_answers_for_all_the_station_serves_changes_its_endpoint(
    intel: Intel, method: str, path: str, body: Any
) -> None:
    await intel.put_endpoint("http://127.0.0.1:1/")
    before = await intel.rows("SELECT endpoint::text FROM endpoint")
    for claims, status in (
        ({"division": "411621"}, 404),
        ({"division": "411622100201"}, 404),
        ({"scopes": ("intel:read", "intel:report")}, 403),
    ):
        answer = await ask(intel, method, HERE + path, body, **claims)
        assert answer.status_code == status, (claims, answer.text)
    assert await intel.rows("SELECT endpoint::text FROM endpoint") == before
    assert (await ask(intel, method, HERE + path, body)).is_success
    assert (await audited(intel))[-1] == f"endpoint.{ {'/secret': 'rotate', '': 'delete'}.get(path, path[1:]) }"


async def test_an_unusable_new_secret_changes_nothing(intel: Intel) -> None:
    await intel.put_endpoint("http://127.0.0.1:1/")
    answer = await ask(intel, "POST", f"{HERE}/secret", {"secret": "plain"})
    assert (answer.status_code, answer.json()["code"]) == (422, "intel.secret_unusable")
    assert (await ask(intel, "GET", HERE)).json()["former_secret_until"] is None


async def _is(intel: Intel, delivery_id: str, state: str) -> bool:
    return await _state_of(intel, delivery_id) == state
