"""Where a delivery may be sent at all: the list of hosts and ports, and what their names may lead to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

Refusal = Literal["not_a_url", "not_https", "host_not_allowed", "port_not_allowed"]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_DEFAULT_PORTS = {"https": 443, "http": 80}
_ENTRY = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<host>[a-z0-9._-]+))(?::(?P<port>[0-9]{1,5}|\*))?")
# No white space, no control character, nothing a parser would cut off, turn round or encode.
_AS_SENT = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")


@dataclass(frozen=True, slots=True)
class AllowList:
    """`station.example` (port 443), `station.example:8443`, `127.0.0.1:*`, and `10.20.0.0/16`.

    A network is where names may lead to; without one, they may lead anywhere but to this machine and its neighbours.
    """

    ports: Mapping[str, frozenset[str]]
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> Self:
        """The list as it is written in the settings; ValueError names an entry that is none."""
        ports: dict[str, frozenset[str]] = {}
        networks = []
        for entry in sorted(entries):
            if "/" in entry:
                networks.append(ip_network(entry))
                continue
            parts = _ENTRY.fullmatch(entry.lower())
            if parts is None:
                raise ValueError(f"{entry} is no host, host:port or network")
            host = parts["v6"] or parts["host"]
            ports[host] = ports.get(host, frozenset()) | {parts["port"] or ""}
        return cls(ports, tuple(networks))

    def refusal(self, url: str) -> Refusal | None:
        """Why this address must not be called; orders hold summaries, so plain HTTP only on this machine."""
        try:
            address = urlsplit(url)
            host, port = address.hostname or "", address.port
        except ValueError:
            return "not_a_url"
        if not (_AS_SENT.fullmatch(url) and host and _is_plain(address)):
            return "not_a_url"
        if host not in self.ports:
            return "host_not_allowed"
        if address.scheme != "https" and host not in LOOPBACK:
            return "not_https"
        return None if self._lists(host, port, address.scheme) else "port_not_allowed"

    def leads_to(self, host: str, found: str) -> bool:
        """Whether a listed host may resolve to this address."""
        address = _plain_address(found)
        if host in LOOPBACK:
            return address.is_loopback
        if _is_literal(host):
            return address == _plain_address(host)
        if self.networks:
            return any(address in network for network in self.networks)
        return not (
            address.is_loopback
            or address.is_link_local
            or address.is_multicast
            or address.is_unspecified
            or address.is_reserved
        )

    def _lists(self, host: str, port: int | None, scheme: str) -> bool:
        listed, default = self.ports[host], _DEFAULT_PORTS[scheme]
        return "*" in listed or str(port or default) in listed or ("" in listed and (port or default) == default)


def _is_plain(address: SplitResult) -> bool:
    """http or https, a port that exists, and no user name or password to be misread."""
    return address.scheme in _DEFAULT_PORTS and "@" not in address.netloc and address.port != 0


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _plain_address(text: str) -> IPv4Address | IPv6Address:
    """An IPv4 address stays one in IPv6's clothes."""
    address = ip_address(text)
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
