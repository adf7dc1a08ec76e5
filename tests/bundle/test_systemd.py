"""The site as a systemd service: the unit that `install` writes, and the messages that systemd gets while it runs."""

import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from tests.bundle.processes import assert_refused
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.waiting import wait_until

UNDER_UNIT = Path(__file__).with_name("under_unit.py")


def test_unit_is_valid_and_locked_up(new_small: NewSite, tmp_path: Path) -> None:
    site = new_small()
    file = tmp_path / "small.service"
    file.write_text(site.run("install", "--print", "--bind", "0.0.0.0:80", "--grace", "20").stdout)
    assert "TimeoutStopSec=35" in file.read_text()
    verified = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    command: list[str | Path] = ["systemd-analyze", "security", "--offline=true", "--no-pager", file]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", output)
    assert exposure
    assert float(exposure[1]) < 2.0, output


def test_site_works_with_the_calls_that_its_unit_allows(new_small: NewSite, tmp_path: Path) -> None:
    """Run migrations, pages, static files and tasks with the unit's filters of system calls and socket families."""
    site = new_small()
    unit, confined = tmp_path / "small.service", tmp_path / "confined"
    unit.write_text(site.run("install", "--print").stdout)
    words = shlex.join(map(str, (sys.executable, UNDER_UNIT, unit, site.bundle)))
    confined.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    confined.chmod(0o755)
    site.bundle = confined
    with site:
        assert "Seccomp:\t2" in Path(f"/proc/{site.process.pid}/status").read_text()
        customer = Customer(site.url)
        assert customer.get("/").status == 200
        assert customer.get("/static/notes/notes.css").status == 200
        number = site.shell("from notes.tasks import write_note; print(write_note.enqueue('x').id)")
        wait_until(lambda: "SUCCESSFUL" in site.run("tasks", "show", number, "--json").stdout, "the task has run")


def test_sockets_are_units_of_their_own(new_small: NewSite, tmp_path: Path) -> None:
    options = ("--socket", "--domain", "shop.example", "--bind", "[::]:443", "--bind=0.0.0.0:443", "--grace", "20")
    output = new_small().run("install", "--print", *options).stdout
    texts = dict(re.findall(r"^# /etc/systemd/system/(\S+)\n(.*?)(?=^# /etc|\Z)", output, re.MULTILINE | re.DOTALL))
    assert [*texts] == ["small.service", "small.socket", "small-http.socket"]
    assert "serve --domain shop.example --grace 20\n" in texts["small.service"]
    assert "ListenStream=[::]:443\nListenStream=0.0.0.0:443\n" in texts["small.socket"]
    assert "ListenStream=0.0.0.0:80\nFileDescriptorName=http\n" in texts["small-http.socket"]
    assert "BindIPv6Only=ipv6-only\n" in texts["small.socket"], "else [::] takes the place of 0.0.0.0"
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    verified = subprocess.run(
        ["systemd-analyze", "verify", *(tmp_path / name for name in texts)], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def test_wrong_options_are_refused_before_anything_is_written(new_small: NewSite) -> None:
    assert new_small().run("install", "--print", "--bind", "nowhere", check=False).returncode == 2


def test_without_systemd(new_small: NewSite) -> None:
    if not Path("/run/systemd/system").is_dir():  # as in a container; elsewhere the test would install a service
        for command in ("install", "uninstall"):
            refused = new_small().run(command, check=False)
            assert_refused(refused, 57, "systemd does not manage this machine")


@contextmanager
def systemd(tmp_path: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """Yield the socket on which systemd listens, and the variables that it sets for a service."""
    address = f"djbundle-test-{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{address}")
        yield receiver, bare_environment(NOTIFY_SOCKET=f"@{address}", WATCHDOG_USEC="100000")


def test_systemd_is_told_of_each_state(small: Path, tmp_path: Path) -> None:
    bundle = copy_bundle(small, tmp_path / "place")
    messages: list[str] = []

    def has_message(word: str, times: int = 1) -> bool:
        return sum(word in each for each in tuple(messages)) >= times

    with systemd(tmp_path) as (receiver, environment):
        listener = Thread(target=lambda: messages.extend(iter(lambda: receiver.recv(4096).decode(), "")), daemon=True)
        listener.start()
        with Site(bundle, tmp_path / "data", environment) as site:
            wait_until(lambda: has_message("READY=1"), "it is ready")
            assert f"MAINPID={site.process.pid}" in next(each for each in messages if "READY=1" in each)
            wait_until(lambda: has_message("WATCHDOG=1", 3), "signs of life")
            site.process.send_signal(signal.SIGHUP)
            wait_until(lambda: has_message("RELOADING=1"), "it reloads")
            wait_until(lambda: has_message("READY=1", 2), "it is ready again")
        receiver.shutdown(socket.SHUT_RD)
        listener.join()
    assert has_message("STOPPING=1")


def test_systemd_that_does_not_read_holds_up_nothing(small: Path, tmp_path: Path) -> None:
    """Ten messages fill the queue of its socket: that is half a second of watchdog messages."""
    with systemd(tmp_path) as (receiver, environment):
        with Site(copy_bundle(small, tmp_path / "place"), tmp_path / "data", environment) as site:
            wait_until(lambda: is_full(environment["NOTIFY_SOCKET"]), "its queue is full")
            site.process.send_signal(signal.SIGHUP)
            wait_until(lambda: site.log.read_text().count("serves http") == 2, "it has reloaded")
            with urllib.request.urlopen(f"{site.url}/up", timeout=20) as answer:
                assert answer.status == 200
        assert site.process.returncode == 0
        assert receiver.recv(4096)


def is_full(address: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        try:
            sender.sendto(b"room?", f"\0{address[1:]}")
        except BlockingIOError:
            return True
    return False
