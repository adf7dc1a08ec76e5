"""Hosts for one test: each has a network and process ids of its own, and a name. They share the file system."""

import contextlib
import os
import subprocess
from collections.abc import Iterator

import psutil

from tests.support.site import Site

SUBNET = "10.117"  # SUBNET.NUMBER.1 is this side, SUBNET.NUMBER.2 the host


class HostSite(Site):
    """A site on a host of its own, which listens on port 8000 there."""

    number: int

    @property
    def address(self) -> str:
        return f"{host_of(self.number)}:8000"

    def command(self) -> list[str]:
        bind = () if "worker" in self.options or "scheduler" in self.options else ("--bind", self.address)
        serve = [str(self.bundle), "serve", *bind, *self.options, "--data-dir", str(self.data)]
        unshared = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts"]
        named = ["sh", "-c", f'hostname host{self.number}; exec "$@"', "sh"]
        return ["ip", "netns", "exec", name_of(self.number), *unshared, *named, *serve]

    def stop(self) -> int:
        """Terminate the first process of the namespace, since unshare itself ignores signals."""
        if self.process.poll() is None:
            for first in psutil.Process(self.process.pid).children():
                first.terminate()
        return self.process.wait(90)

    def lose(self) -> None:
        """Lose the host: its cable is cut, and everything on it ends. So nobody hears of that, not even by a FIN."""
        _ip("link", "set", cable_of(self.number), "down")
        for first in psutil.Process(self.process.pid).children():
            first.kill()  # and with it all of its namespace
        self.process.wait(90)

    def replace(self) -> None:
        """Put the cable back in, and start the site again."""
        _ip("link", "set", cable_of(self.number), "up")
        self.start()


def host_of(number: int) -> str:
    """Return the address of a host."""
    return f"{SUBNET}.{number}.2"


def gate_of(number: int) -> str:
    """Return the address of this machine as a host reaches it."""
    return f"{SUBNET}.{number}.1"


def name_of(number: int) -> str:
    return f"djbundle-{os.getpid()}-{number}"


def cable_of(number: int) -> str:
    return f"djb{os.getpid() % 100_000}-{number}"


@contextlib.contextmanager
def partition(number: int, port: int, *, only_now: bool = False) -> Iterator[None]:
    """Drop all packets between a host and this port of this machine, without a word to either side.

    `only_now`: only those of the connections that there are now, as a firewall does that has forgotten them.
    """
    own = f"{{ {', '.join(_own_ports(number, port))} }}" if only_now else "0-65535"
    chains = "; ".join(
        f"chain {hook} {{ type filter hook {hook} priority 0; tcp {theirs} {port} tcp {ours} {own} drop; }}"
        for hook, theirs, ours in (("input", "sport", "dport"), ("output", "dport", "sport"))
    )
    _nft(number, f"add table inet cut {{ {chains}; }}")
    try:
        yield
    finally:
        _nft(number, "delete table inet cut")


def _own_ports(number: int, port: int) -> list[str]:
    """Return the ports of a host's connections to this port."""
    command = ["ip", "netns", "exec", name_of(number), "ss", "-Htn", "dst", f":{port}"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.split()[3].rpartition(":")[2] for line in lines]


def _nft(number: int, rules: str) -> None:
    subprocess.run(["ip", "netns", "exec", name_of(number), "nft", rules], check=True, capture_output=True)


@contextlib.contextmanager
def networks(count: int) -> Iterator[None]:
    """Make `count` network namespaces, each with a cable to this one.

    Raise CalledProcessError where that is refused.
    """
    with contextlib.ExitStack() as stack:
        for number in range(count):
            name, cable = name_of(number), cable_of(number)
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "delete", name)  # and the cable with it
            _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("address", "add", f"{SUBNET}.{number}.1/24", "dev", cable)
            _ip("link", "set", cable, "up")
            _ip("-n", name, "address", "add", f"{SUBNET}.{number}.2/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _ip("-n", name, "link", "set", device, "up")
        yield


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
