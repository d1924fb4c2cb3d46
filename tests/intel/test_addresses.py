"""Where orders may be sent: what is checked is what is called."""

from __future__ import annotations

import pytest

from services.intel.clients import refusal
from services.intel.rules.addresses import AllowList
from services.intel.settings import IntelSettings
from shared.settings import SettingsError
from tests.intel.support import SECRET, STATION, Intel
from tests.settings import without_broker

LISTED = AllowList.of({"station.example", "other.example:8443", "127.0.0.1:*", "[::1]:9000", "10.20.0.7:443"})


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://station.example/orders", None),
        ("https://station.example", None),
        ("https://STATION.example:443/orders?a=1&b=%20", None),
        ("https://other.example:8443/", None),
        ("http://127.0.0.1:8201/orders", None),
        ("http://[::1]:9000/orders", None),
        ("https://10.20.0.7/", None),
        ("http://station.example/orders", "not_https"),
        ("https://station.example:8443/", "port_not_allowed"),
        ("https://other.example/", "port_not_allowed"),
        ("http://[::1]:9001/orders", "port_not_allowed"),
        ("https://10.20.0.7:5432/", "port_not_allowed"),
        ("https://10.20.0.8/", "host_not_allowed"),
        ("https://station.example.evil.example/", "host_not_allowed"),
        ("https://station.example./", "host_not_allowed"),
        ("https://[::ffff:127.0.0.1]/", "host_not_allowed"),
        ("https://2130706433/", "host_not_allowed"),
        ("https://station.example@evil.example/", "not_a_url"),
        ("https://@station.example/", "not_a_url"),
        ("https://evil.example#@station.example/", "not_a_url"),
        ("https://station.example/#", "not_a_url"),
        ("https://evil.example\\@station.example/", "not_a_url"),
        ("file:///etc/passwd", "not_a_url"),
        ("https://station.example:99999/", "not_a_url"),
        ("https://station.example:0/", "not_a_url"),
        ("https://[", "not_a_url"),
        (" https://station.example/", "not_a_url"),
        ("https://station.example/ ", "not_a_url"),
        ("https://station.example/a b", "not_a_url"),
        ("https://station.example/a\r\nX: y", "not_a_url"),
        ("https://station.example/a\ty", "not_a_url"),
        ("https://station.example/\x00", "not_a_url"),
        ("https://station.example/\x7f", "not_a_url"),
        ("https://station.example/接", "not_a_url"),
        ("https://station。example/", "not_a_url"),
        ("https://ｓtation.example/", "not_a_url"),
        ("https://station.example/a/../b", "not_as_sent"),
    ],
)
def test_only_what_is_listed_may_be_called(url: str, reason: str | None) -> None:
    assert refusal(url, LISTED) == reason


@pytest.mark.parametrize(
    "url",
    [
        " http://127.0.0.1:18080/x",
        "http://127.0.0.1:18080/a\r\nX: y",
        "http://127.0.0.1:18080/a\u0085",
        "http://127.0.0.1:18080/a\u00a0",
        "https://127.0.0.1.evil.example/",
    ],
)
async def test_such_an_address_is_refused_when_it_is_set(intel: Intel, url: str) -> None:
    """Case 11."""
    answer = await intel.put_endpoint(url)
    assert (answer.status_code, answer.json()["code"]) == (422, "intel.address_refused")
    assert await intel.rows("SELECT 1 FROM endpoint") == []


async def test_a_port_that_is_not_listed_is_refused_when_it_is_set(intel: Intel) -> None:
    answer = await intel.client.put(
        f"/v1/endpoints/{STATION}",
        json={"url": "https://127.0.0.1:99999/", "secret": SECRET},
        headers=intel.headers(),
    )
    assert (answer.status_code, answer.json()["reason"]) == (422, "not_a_url")


@pytest.mark.parametrize(
    ("host", "address", "allowed"),
    [
        ("station.example", "203.0.113.5", True),
        ("station.example", "10.1.2.3", True),
        ("station.example", "2001:db8::5", True),
        ("station.example", "127.0.0.1", False),
        ("station.example", "127.9.9.9", False),
        ("station.example", "::1", False),
        ("station.example", "::ffff:127.0.0.1", False),
        ("station.example", "169.254.169.254", False),
        ("station.example", "::ffff:169.254.169.254", False),
        ("station.example", "fe80::1", False),
        ("station.example", "0.0.0.0", False),
        ("station.example", "::", False),
        ("station.example", "224.0.0.1", False),
        ("station.example", "255.255.255.255", False),
        ("localhost", "127.0.0.1", True),
        ("localhost", "::1", True),
        ("localhost", "10.1.2.3", False),
        ("10.20.0.7", "10.20.0.7", True),
        ("10.20.0.7", "10.20.0.8", False),
    ],
)
def test_a_listed_name_leads_neither_to_this_machine_nor_to_its_neighbours(
    host: str, address: str, allowed: bool
) -> None:
    assert AllowList.of({"station.example", "localhost", "10.20.0.7"}).leads_to(host, address) is allowed


def test_with_networks_listed_a_name_leads_only_there() -> None:
    listed = AllowList.of({"station.example", "10.20.0.0/16", "2001:db8::/32"})
    assert listed.leads_to("station.example", "10.20.255.1")
    assert listed.leads_to("station.example", "2001:db8::1")
    assert not listed.leads_to("station.example", "10.21.0.1")
    assert listed.refusal("https://10.20.0.1/") == "host_not_allowed", "a network lists no hosts"


@pytest.mark.parametrize("entry", ["https://station.example", "a b", "10.20.0.1/16", "host:port", "host:"])
def test_a_list_with_something_else_in_it_stops_the_start(entry: str, intel: Intel) -> None:
    with pytest.raises(SettingsError, match="CUNJING_INTEL_ALLOWED_HOSTS"):
        without_broker(IntelSettings, "intel", "x", intel.keys, allowed_hosts=[entry])
