"""Tells which proxies are trusted, and what they say about the client."""

import ipaddress
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from djbundle.runtime.net.forwarded_headers import MAX_HOPS, Node, parse_forwarded, parse_node

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK = ("127.0.0.0/8", "::1/128")
PRIVATE = (*LOOPBACK, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}  # Traefik uses ws and wss for WebSockets


class ForwardedHeaders(NamedTuple):
    """The headers of a request from a trusted proxy. The lines of a repeated header are joined by commas."""

    x_forwarded_for: str = ""
    x_forwarded_proto: str = ""
    forwarded: str = ""


class Hop(NamedTuple):
    """The client of a proxy, as that proxy names it."""

    node: str
    scheme: str


class Client(NamedTuple):
    address: str
    port: int  # 0: not known
    scheme: str | None  # None: not known


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    networks: tuple[Network, ...]

    def trusts(self, address: str) -> bool:
        """Return whether the address is that of a trusted proxy.

        On a Unix socket, which has no address, the proxy is trusted if any is. This machine decides which processes may
        write to that socket.
        """
        if not address:
            return bool(self.networks)
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self.networks)


THIS_MACHINE = TrustedProxies(tuple(map(ipaddress.ip_network, LOOPBACK)))


def parse_proxies(text: str) -> TrustedProxies:
    """Parse addresses and networks, joined by commas.

    "private" means all networks that the internet cannot reach, and "none" means no proxy.
    """
    networks: list[Network] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        if item == "none":
            continue
        try:
            networks += map(ipaddress.ip_network, PRIVATE if item == "private" else (item,))
        except ValueError as error:
            raise ArgumentTypeError(f'"{item}" is not a network; write it as in 10.0.0.0/8 ({error})') from error
    return TrustedProxies(tuple(networks))


def find_client(trusts: Callable[[str], bool], peer: Node, headers: ForwardedHeaders) -> Client:
    """Return the last client that is not a trusted proxy: any client may have forged what stands before it.

    The scheme is the one that the same proxy reports, else the one of the next nearer proxy that reports any. `peer` is
    trusted.
    """
    client, scheme = peer, ""
    for hop in reversed(hops(headers)):
        scheme = hop.scheme or scheme
        node = parse_node(hop.node)
        if node is None:  # "unknown", "_hidden", garbage
            break
        client = node
        if not trusts(client.address):
            break
    return Client(client.address, client.port, SCHEMES.get(scheme))


def hops(headers: ForwardedHeaders) -> list[Hop]:
    """Return what the proxies say, the nearest last.

    ``Forwarded`` is only read without ``X-Forwarded-*``: a proxy that writes the latter passes ``Forwarded`` on
    unchanged.
    """
    if not (headers.x_forwarded_for or headers.x_forwarded_proto):
        return [Hop(each.get("for", ""), each.get("proto", "").lower()) for each in parse_forwarded(headers.forwarded)]
    nodes = elements(headers.x_forwarded_for) or [""]
    schemes = [each.lower() for each in elements(headers.x_forwarded_proto)]
    if len(schemes) != len(nodes):
        schemes = [common_scheme(schemes)] * len(nodes)
    return list(map(Hop, nodes, schemes))


def elements(text: str) -> list[str]:
    """Return the last elements of a list. The rest of a very long list is one element, which is invalid."""
    return [stripped for each in text.rsplit(",", MAX_HOPS) if (stripped := each.strip(" \t"))]


def common_scheme(schemes: list[str]) -> str:
    """Return the scheme that all proxies report. If they differ, return "http".

    This is for requests where it is unknown which proxy has reported which scheme.
    """
    distinct = {SCHEMES.get(each, "") for each in schemes}
    return distinct.pop() if len(distinct) == 1 else "http" if distinct else ""
