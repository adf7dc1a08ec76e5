"""The hostile authority against a whole site: customers see no fault during crashes, hangs and restarts."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from djbundle.runtime.tls import x509
from djbundle.runtime.tls.keys import generate_key, key_to_pem
from djbundle.runtime.tls.store import Store, short
from tests.attacks.hostile_ca import DAY, NOW, HostileCA
from tests.bundle.processes import tree_of, with_role
from tests.bundle.tls_client import serial
from tests.conftest import NewSite
from tests.support.ports import free_port
from tests.support.site import Site
from tests.support.waiting import wait_until

NAME = "shop.test"


@pytest.fixture
def ca(tmp_path: Path) -> Iterator[HostileCA]:
    """Start an authority that answers each order with a page of HTML."""
    with HostileCA(tmp_path) as ca:
        ca.forge = lambda *_: b"<html><body>504 Gateway Time-out</body></html>"
        yield ca


@pytest.fixture
def site(new_small: NewSite, ca: HostileCA) -> Site:
    return new_small(
        *("--domain", NAME, "--acme-directory", ca.directory, "--http-bind", f"127.0.0.1:{free_port()}"),
        *("--worker-timeout", "5"),
        SSL_CERT_FILE=str(ca.trusted),
    )


def test_good_certificate_stays_over_crashes_hangs_and_restarts(site: Site, ca: HostileCA) -> None:
    root = with_certificate(site, ca)
    with site:
        wait_for_log(site, "the answer is not a whole chain of certificates; trying again in ")
        first = wait_until(lambda: serial_of(site, root), "the site answers")
        with_role(site, "tls")[0].kill()
        wait_for_log(site, "tls was killed by SIGKILL; it is started again")
        wait_for_log(site, "one was ordered less than an hour ago")
        with_role(site, "tls")[0].send_signal(signal.SIGSTOP)
        wait_for_log(site, "hangs, and is killed", seconds=60)
        wait_until(lambda: site.log.read_text().count("one was ordered less than an hour ago") >= 2, "it goes on")
        assert serial_of(site, root) == first
    with site:
        wait_until(lambda: site.log.read_text().count("one was ordered less than an hour ago") >= 3, "it goes on")
        assert wait_until(lambda: serial_of(site, root), "the site answers") == first
    assert ca.steps.count("order") == 1
    assert "Traceback" not in site.log.read_text()


def test_redirects_go_on_when_their_process_hangs(site: Site, ca: HostileCA) -> None:
    with_certificate(site, ca)
    with site:
        stopped = with_role(site, "redirect")[0]
        stopped.send_signal(signal.SIGSTOP)
        wait_for_log(site, f"redirect (process {stopped.pid}) hangs, and is killed", seconds=60)
        wait_until(lambda: with_role(site, "redirect")[0].pid != stopped.pid, "another redirects")


def test_what_makes_certificates_is_loaded_where_they_are_made(site: Site, ca: HostileCA) -> None:
    """Loading it elsewhere would cost each web process, and each start, memory and time."""
    root = with_certificate(site, ca)
    with site:
        wait_for_log(site, "the answer is not a whole chain of certificates")
        assert wait_until(lambda: serial_of(site, root), "the site answers")
        process = with_role(site, "tls")[0]
        assert [each.pid for each in tree_of(site) if has_loaded(each, "_rust.abi3.so")] == [process.pid]


def with_certificate(site: Site, ca: HostileCA) -> str:
    """Store a certificate that is valid for ten more days and due for renewal; return the root to trust for it."""
    store = Store(site.data)
    store.create()
    key, authority = generate_key(), generate_key()
    root = x509.make_authority(authority, "before", NOW - 80 * DAY, NOW + 10 * DAY)
    old = x509.make_certificate(key, [NAME], (authority, root), NOW - 80 * DAY, NOW + 10 * DAY)
    store.write(f"{short(ca.directory)}-{NAME}.pem", key_to_pem(key) + old.encode())
    return root


def serial_of(site: Site, root: str) -> str | None:
    try:
        return serial(site.url, root, NAME)
    except OSError:
        return None


def has_loaded(process: psutil.Process, library: str) -> bool:
    return library in Path(f"/proc/{process.pid}/maps").read_text()


def wait_for_log(site: Site, text: str, seconds: float = 30) -> None:
    wait_until(lambda: text in site.log.read_text(), f"the log says: {text}", seconds=seconds)
