"""Which proxies are believed, and what they say of the client."""

import ipaddress
import re
from argparse import ArgumentTypeError
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK = ("127.0.0.0/8", "::1/128")
PRIVATE = (*LOOPBACK, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
FORWARDED_FOR = re.compile(r'for="?([^";,\s]+)"?', re.IGNORECASE)
FORWARDED_PROTO = re.compile(r'proto="?([a-z]+)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    networks: tuple[Network, ...]

    def trusts(self, address: str) -> bool:
        """A Unix socket has no address; who may write to it is this machine's affair."""
        if not address:
            return bool(self.networks)
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self.networks)

    def client(self, peer: str, x_forwarded_for: str, forwarded: str) -> str:
        """The last address that is not a trusted proxy's: what stands before it, anybody may have written."""
        named = x_forwarded_for.split(",") if x_forwarded_for else FORWARDED_FOR.findall(forwarded)
        client = peer
        for item in reversed(named):
            address = without_port(item.strip())
            if address is None:
                break
            client = address
            if not self.trusts(address):
                break
        return client


THIS_MACHINE = TrustedProxies(tuple(map(ipaddress.ip_network, LOOPBACK)))


def parse_proxies(text: str) -> TrustedProxies:
    """Addresses and networks between commas; "private" for all that the internet has no way to; "none"."""
    networks: list[Network] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        if item == "none":
            continue
        try:
            networks += map(ipaddress.ip_network, PRIVATE if item == "private" else (item,))
        except ValueError as error:
            raise ArgumentTypeError(f'"{item}" is no network; write it as in 10.0.0.0/8 ({error})') from error
    return TrustedProxies(tuple(networks))


def without_port(text: str) -> str | None:
    """The address of ``1.2.3.4``, ``1.2.3.4:80``, ``[::1]:80`` or ``::1``; None for what is none."""
    address = text
    if text.startswith("["):
        address = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        address = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None


def forwarded_scheme(x_forwarded_proto: str, forwarded: str) -> str | None:
    """What the nearest proxy says that its client spoke."""
    if x_forwarded_proto:
        said = x_forwarded_proto.rpartition(",")[2].strip().lower()
    else:
        found = FORWARDED_PROTO.findall(forwarded)
        said = found[-1].lower() if found else ""
    return said if said in ("http", "https") else None
