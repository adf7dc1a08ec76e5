"""A certificate authority of our own: Let's Encrypt's test server, with its faults enabled, and its DNS server."""

import json
import os
import ssl
import subprocess
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from djbundle.runtime.tls import x509
from djbundle.runtime.tls.keys import generate_key, key_to_pem
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ACCOUNT = ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")
FAULTS = {"PEBBLE_WFE_NONCEREJECT": "50", "PEBBLE_VA_SLEEPTIME": "1", "PEBBLE_AUTHZREUSE": "0"}


def option_for_dns() -> str:
    """Return the option with the address of the DNS server. It was renamed."""
    usage = subprocess.run(["pebble-challtestsrv", "-help"], capture_output=True, text=True, check=False).stderr
    return "-dnsserver" if "-dnsserver" in usage else "-dns01"


class Pebble:
    """The test server; it runs while the context manager is open. It resolves every name to this machine.

    It looks for challenges at `http_port`.
    """

    def __init__(self, folder: Path, *, external_account: bool = False) -> None:
        self.folder = folder
        self.http_port = free_port()
        self.port, self.management, self.dns, self.dns_management = (free_port() for _ in range(4))
        self.external_account = external_account
        self.directory = f"https://localhost:{self.port}/dir"
        self.ca = folder / "pebble-ca.pem"
        folder.mkdir(parents=True, exist_ok=True)
        self.certify_itself()

    def certify_itself(self) -> None:
        """Make a certificate for the authority's own server; the authority does not issue this one."""
        begins, ends = datetime.now(UTC), datetime.now(UTC) + timedelta(days=1)
        authority, key = generate_key(), generate_key()
        root = x509.make_authority(authority, "pebble", begins, ends)
        self.ca.write_text(root)
        names = ["localhost", "127.0.0.1"]
        (self.folder / "server.pem").write_text(x509.make_certificate(key, names, (authority, root), begins, ends))
        (self.folder / "server.key").write_bytes(key_to_pem(key))

    def __enter__(self) -> Self:
        self.log = (self.folder / "pebble.log").open("a")
        config = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.folder / "server.pem"),
            "privateKey": str(self.folder / "server.key"),
            "httpPort": self.http_port,
            "tlsPort": self.http_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": self.external_account,
            "externalAccountMACKeys": dict([ACCOUNT]) if self.external_account else {},
        }
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": config}))
        names = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv6", ""]
        dns = [option_for_dns(), f"127.0.0.1:{self.dns}", "-management", f"127.0.0.1:{self.dns_management}"]
        self.processes = [self.start("pebble-challtestsrv", *names[:6], *names[8:], *dns)]
        pebble = ["-config", str(self.folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{self.dns}"]
        self.processes.append(self.start("pebble", *pebble))
        wait_until(self.is_answering, "pebble answers")
        return self

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=os.environ | FAULTS, stdout=self.log, stderr=self.log)

    def is_answering(self) -> bool:
        try:
            return bool(self.root())
        except OSError:
            return False

    def root(self) -> str:
        """Return the root certificate of all that the authority issues; each start makes another one."""
        context = ssl.create_default_context(cafile=self.ca)
        with urllib.request.urlopen(f"https://localhost:{self.management}/roots/0", context=context) as response:
            return str(response.read().decode())

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.log.close()
