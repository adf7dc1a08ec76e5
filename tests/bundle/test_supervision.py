"""One supervisor, the app process, web workers and a task worker: killed, stopped, restarted."""

import http.client
import os
import random
import signal
import threading
import time
import urllib.request
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.bundle.processes import all_gone, is_alive, tree_of, with_role
from tests.bundle.records import finished_tasks
from tests.conftest import NewSite
from tests.support.customer import Customer, first_product
from tests.support.load import PLAIN, Load
from tests.support.outside import Outside
from tests.support.ports import free_port
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until


def test_worker_killed_in_a_task_loses_nothing(new_shop: NewSite, outside: Outside) -> None:
    """The gateway has charged the customer but not yet answered when the worker dies."""
    before = len(outside.gateway.charges())
    outside.gateway.misbehave("timeout")
    with new_shop(PAYMENT_GATEWAY_TIMEOUT="50") as site:
        customer = Customer(site.url)
        order = customer.buy(first_product(customer.get("/")), "killed@example.com")
        wait_until(lambda: len(outside.gateway.charges()) > before, "the gateway sees the charge")
        with_role(site, "worker")[0].kill()
        outside.mailbox.wait("killed@example.com", 60)
        assert "status-paid" in customer.get(order.url).text
    assert len(outside.gateway.charges()) == before + 1
    assert len(outside.mailbox.to("killed@example.com")) == 1


@pytest.mark.parametrize("role", ["app", "web", "worker"])
def test_killed_child_is_started_again(new_small: NewSite, role: str) -> None:
    with new_small("--workers", "1") as site:
        first = with_role(site, role)[0]
        first.kill()
        wait_until(lambda: with_role(site, role)[0].pid != first.pid, f"another {role}")
        assert wait_until(lambda: answers(site), "the site answers")
        assert f"{role} was killed by SIGKILL; it is started again" in site.log.read_text()


def answers(site: Site) -> bool:
    try:
        return Customer(site.url).get("/").status == 200
    except OSError:
        return False


def test_web_worker_killed_is_replaced(new_small: NewSite) -> None:
    with new_small("--workers", "2") as site:
        first = with_role(site, "web", 2)
        first[0].kill()
        wait_until(lambda: first[0] not in with_role(site, "web", 2), "a new web worker")
        assert first[1] in with_role(site, "web", 2)
        assert wait_until(lambda: answers(site), "the site answers")


def test_hung_web_worker_is_replaced(new_small: NewSite) -> None:
    with new_small("--workers", "1", "--worker-timeout", "3") as site:
        first = with_role(site, "web")[0]
        first.suspend()
        wait_until(lambda: with_role(site, "web")[0].pid != first.pid, "another web worker")
        assert wait_until(lambda: answers(site), "the site answers")
        assert f"web (process {first.pid}) hangs, and is killed" in site.log.read_text()


def test_hanging_task_worker_is_replaced(new_small: NewSite) -> None:
    """Its timeout is five times that of a web worker, since it may wait for its database."""
    with new_small("--workers", "1", "--worker-timeout", "1") as site:
        first = with_role(site, "worker")[0]
        first.suspend()
        wait_until(lambda: not first.is_running(), "it is killed")
        second = with_role(site, "worker")[0]
        wait_until(lambda: not is_alive(second) or age_of(second) > 7, "without heartbeats it would be killed by now")
        lines = [line for line in site.log.read_text().splitlines() if "worker (process" in line and "hangs" in line]
        assert len(lines) == 1
        assert f"(process {first.pid})" in lines[0]


def age_of(process: psutil.Process) -> float:
    """Return the seconds since the process was started."""
    return time.time() - process.create_time()


def is_replaced(site: Site, victim: psutil.Process) -> bool:
    return with_role(site, "web")[0].pid != victim.pid


def test_crash_loop_is_called_one(new_small: NewSite) -> None:
    with new_small("--workers", "1") as site:
        for _ in range(3):
            victim = with_role(site, "web")[0]
            victim.kill()
            wait_until(partial(is_replaced, site, victim), "another web worker")
        assert site.log.read_text().count("times soon after its start") == 1
        assert wait_until(lambda: answers(site), "the site answers all the same")


def test_all_that_was_stopped_goes_on(new_small: NewSite) -> None:
    """After Ctrl-Z, or when a virtual machine was frozen, no process hangs."""
    with new_small("--workers", "1", "--worker-timeout", "3") as site:
        everyone = [*tree_of(site)[1:], tree_of(site)[0]]
        for each in everyone:
            each.suspend()
        time.sleep(5)  # longer than the limit of a heartbeat; nothing happens meanwhile that one could wait for
        for each in reversed(everyone):
            each.resume()
        assert wait_until(lambda: answers(site), "the site answers")
        wait_until(lambda: answers(site), "and again")
        assert "hangs" not in site.log.read_text()


def test_no_process_outlives_a_killed_supervisor(new_small: NewSite) -> None:
    with new_small("--workers", "2") as site:
        with_role(site, "web", 2)
        with_role(site, "worker")
        with_role(site, "task")  # the worker starts it
        everyone = tree_of(site)
        assert len(everyone) == 6
        site.process.kill()
        site.process.wait()
        wait_until(lambda: all_gone(everyone), "all processes are gone")


def test_kills_under_load_lose_nothing(new_small: NewSite) -> None:
    """Kill any process at any moment. Clients see broken connections, but no errors; no answered request is lost."""
    chance = random.Random()
    with new_small("--bind", f"127.0.0.1:{free_port()}") as site:
        with Load(site, PLAIN) as load:
            for kill in range(15):
                top = psutil.Process(site.process.pid)
                victim = top if kill == 7 else chance.choice(tree_of(site))
                victim.kill()
                if victim == top:  # whatever has started it restarts it, as systemd does
                    site.process.wait()
                    site.__enter__()
                count = load.response_count()
                wait_until(partial(load.has_more_than, count + 50), "clients are answered")
        wait_until(lambda: set(load.written) <= finished_tasks(site), "all tasks are done", 60)
    assert set(load.statuses) == {200}
    assert len(load.written) > 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_stop_lets_requests_finish(new_small: NewSite, tmp_path: Path, number: signal.Signals) -> None:
    begun = tmp_path / "begun"
    with new_small() as site:
        answer: list[bytes] = []

        def ask() -> None:
            with urllib.request.urlopen(f"{site.url}/slow/?begun={begun}&seconds=2", timeout=20) as response:
                answer.append(response.read())

        asking = threading.Thread(target=ask)
        asking.start()
        wait_until(begun.exists, "the request is being answered")
        everyone = tree_of(site)
        site.process.send_signal(number)
        assert site.process.wait(20) == 0
        asking.join()
        assert answer == [b"done"]
        assert all_gone(everyone)
        assert site.log.read_text().count(f"stopping: {number.name}, draining for up to 30 s") == 1


def test_asgi_streams_and_finishes(streaming: Path, tmp_path: Path) -> None:
    """For an ASGI project without a database, a stop lets a streaming response finish."""
    with Site(streaming, tmp_path / "data", bare_environment(STREAMING_TOKEN="t")) as site:
        answer = urllib.request.urlopen(f"{site.url}/count/?to=20", timeout=20)
        assert answer.readline() == b"0\n"
        site.process.terminate()
        with answer:
            assert answer.read().split()[-1] == b"19"
        assert site.process.wait(20) == 0
        assert "WARNING" not in site.log.read_text()


def test_grace_ends_what_does_not_finish(new_small: NewSite, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with new_small("--grace", "1") as site:
        asking = threading.Thread(target=ask_in_vain, args=[f"{site.url}/slow/?begun={begun}&seconds=60"])
        asking.start()
        wait_until(begun.exists, "the request is being answered")
        everyone = tree_of(site)
        site.process.terminate()
        site.process.wait(20)
        assert all_gone(everyone)
        assert "web did not finish within 1 s and is killed" in site.log.read_text()
        asking.join()


def test_stop_is_heard_at_any_moment(new_small: NewSite) -> None:
    """Right after the start the worker has just been forked, and has no signal handler yet."""
    site = new_small()
    for _ in range(10):
        with site:
            pass
        assert site.process.returncode == 0
    assert "did not finish" not in site.log.read_text()


def ask_in_vain(address: str) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        urllib.request.urlopen(address, timeout=60)


def test_second_instance_on_the_same_data_is_refused(new_small: NewSite) -> None:
    with new_small() as site:
        second = site.run("serve", "--bind", "127.0.0.1:0", check=False)
        assert second.returncode == 44
        assert second.stderr.splitlines() == [
            f"error: the data directory {site.data} is served by another instance already (process {site.process.pid})",
            "  fix: stop that one, or choose another folder:  --data-dir DIR",
        ]
        assert answers(site)


def test_port_in_use_is_refused(new_small: NewSite, tmp_path: Path) -> None:
    with new_small() as site:
        address = site.url.removeprefix("http://")
        other = Site(site.bundle, tmp_path / "other", site.environment)
        result = other.run("serve", "--bind", address, check=False)
        assert result.returncode == 41
        assert result.stderr.splitlines() == [
            f"error: {address} is in use by another program",
            "  fix: stop it, or choose another:  --bind HOST:PORT",
        ]
        assert not (other.data / "db.sqlite3").exists()


def test_task_runs_in_the_worker(new_small: NewSite) -> None:
    with new_small() as site:
        Customer(site.url).get("/write/?text=from-the-worker")
        wait_until(lambda: "from-the-worker" in Customer(site.url).get("/").text, "the note is written")


def test_without_worker_tasks_wait(new_small: NewSite) -> None:
    with new_small("--no-worker") as site:
        names = [each.name() for each in tree_of(site)]
        assert "small worker" not in names
        Customer(site.url).get("/write/?text=later")
        site.run("worker", "--drain")
        assert "later" in Customer(site.url).get("/").text


def test_processes_have_names(new_small: NewSite) -> None:
    with new_small() as site:
        assert psutil.Process(site.process.pid).name() == "small"
        assert with_role(site, "worker")[0].nice() > os.nice(0)
