"""Processes that hang without dying: the site notices within a minute."""

import json
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.bundle.processes import with_role
from tests.bundle.test_systemd import systemd
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.ports import free_port
from tests.support.site import Site, copy_bundle
from tests.support.waiting import wait_until

MINUTE = 60.0


def options(role: str) -> list[str]:
    """Return options for a site that has a process of this role, with a timeout of three or six seconds."""
    more = {
        "tls": ["--tls", "internal"],
        "metrics": ["--metrics-bind", f"127.0.0.1:{free_port()}"],
        "worker": ["--worker-timeout", "1"],  # times five
    }
    return ["--workers", "1", "--worker-timeout", "3", *more.get(role, [])]


@pytest.mark.parametrize("role", ["app", "web", "worker", "metrics", "tls"])
def test_wedged_child_is_replaced(new_small: NewSite, role: str) -> None:
    with new_small(*options(role)) as site:
        first = with_role(site, role)[0]
        first.suspend()
        message = f"{role} (process {first.pid}) hangs, and is killed"
        wait_until(lambda: message in site.log.read_text(), "it is told of", MINUTE)
        wait_until(lambda: with_role(site, role)[0] != first, "there is another", MINUTE)


def test_wedged_worker_is_reported_long_before_it_is_killed(new_small: NewSite) -> None:
    """By default it is killed after 150 seconds, since it may wait for its database."""
    with new_small("--workers", "1", "--worker-timeout", "3") as site:
        worker = with_role(site, "worker")[0]
        worker.suspend()
        message = f"worker (process {worker.pid}) has not moved for 3 s"
        wait_until(lambda: message in site.log.read_text(), "it is told of", MINUTE)
        worker.resume()
        assert site.log.read_text().count("has not moved") == 1


def problems(site: Site) -> list[str]:
    try:
        with urllib.request.urlopen(f"{site.url}/up", timeout=20) as answer:
            found_problems: list[str] = json.load(answer)["problems"]
    except urllib.error.HTTPError as error:
        found_problems = json.load(error)["problems"]
    return found_problems


def take_over(site: Site) -> None:
    """Replace the app process that serves by another one of the same site."""
    first = with_role(site, "app")[0]
    site.process.send_signal(signal.SIGHUP)
    wait_until(lambda: site.log.read_text().count("with data in") == 2, "it has taken over")
    wait_until(lambda: first not in with_role(site, "app"), "the one before has left")


def test_wedged_app_that_has_taken_over_is_replaced(new_small: NewSite) -> None:
    """Its supervisor is a program that has not started it."""
    with new_small("--workers", "1", "--worker-timeout", "3") as site:
        take_over(site)
        first = with_role(site, "app")[0]
        first.suspend()
        message = f"app (process {first.pid}) hangs, and is killed"
        wait_until(lambda: message in site.log.read_text(), "it is told of", MINUTE)
        wait_until(lambda: with_role(site, "app")[0] != first, "there is another", MINUTE)


@pytest.mark.parametrize("is_second", [False, True], ids=["first program", "after a takeover"])
def test_wedged_supervisor_is_told_of(new_small: NewSite, is_second: bool) -> None:
    """/up, healthcheck and status report it, and stop when it goes on."""
    with new_small("--workers", "1", "--no-worker") as site:
        if is_second:
            take_over(site)
        wait_until(lambda: problems(site) == [], "it is ready")
        command = [str(site.bundle), "healthcheck", "--data-dir", str(site.data)]
        site.process.send_signal(signal.SIGSTOP)
        try:
            asking = subprocess.Popen(command, env=site.environment, stderr=subprocess.PIPE, text=True)
            wait_until(lambda: problems(site) == ["the supervisor does not answer"], "/up says so", MINUTE)
            assert Customer(site.url).get("/").status == 200, "and customers are answered still"
            _, errors = asking.communicate(timeout=MINUTE)
            assert asking.returncode
            assert "does not answer within" in errors
        finally:
            site.process.send_signal(signal.SIGCONT)
        wait_until(lambda: problems(site) == [], "it is ready again")
        assert "hangs" not in site.log.read_text()


def test_systemd_hears_nothing_of_a_wedged_supervisor(small: Path, tmp_path: Path) -> None:
    """So systemd kills it (WatchdogSec in the unit), and starts the site again."""
    watchdog_count = 0

    def listen() -> None:
        nonlocal watchdog_count
        while message := receiver.recv(4096):
            watchdog_count += message == b"WATCHDOG=1"

    with systemd(tmp_path) as (receiver, environment):
        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        with Site(copy_bundle(small, tmp_path / "place"), tmp_path / "data", environment, "--no-worker") as site:
            wait_until(lambda: watchdog_count > 3, "signs of life")
            site.process.send_signal(signal.SIGSTOP)
            before = watchdog_count
            assert Customer(site.url).get("/").status == 200
            for _ in range(20):  # long enough for many watchdog messages
                assert Customer(site.url).get("/up/live").status == 200
                threading.Event().wait(0.1)
            assert watchdog_count <= before + 2, "those that were under way"
            site.process.send_signal(signal.SIGCONT)
            wait_until(lambda: watchdog_count > before + 3, "it lives again")
        receiver.shutdown(socket.SHUT_RD)
        listener.join()


def test_slow_question_for_metrics_holds_up_the_next_for_seconds_only(new_small: NewSite) -> None:
    port = free_port()
    with new_small("--workers", "1", "--no-worker", "--metrics-bind", f"127.0.0.1:{port}") as site:
        with socket.create_connection(("127.0.0.1", port)) as slow:
            ended = threading.Event()

            def trickle() -> None:
                try:
                    slow.sendall(b"GET /metrics HTTP/1.1\r\n")
                    while not ended.wait(0.5):
                        slow.sendall(b"X-A: b\r\n")
                except OSError:
                    pass

            client = threading.Thread(target=trickle)
            client.start()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
                assert b"djbundle_info" in answer.read()
            ended.set()
            client.join()
        assert "hangs" not in site.log.read_text()


@pytest.mark.slow  # a worker has as long as its lease
def test_up_tells_of_a_wedged_worker(new_small: NewSite) -> None:
    """/up reports it long before it is killed, since it may just be waiting for its database."""
    with new_small("--workers", "1") as site:
        wait_until(lambda: problems(site) == [], "it is ready")
        with_role(site, "worker")[0].suspend()
        wait_until(lambda: problems(site) == ["no task worker sends heartbeats"], "/up says so", MINUTE)
