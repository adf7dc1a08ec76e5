"""The metrics that Prometheus gets and ``status`` shows: counted across processes, and across their restarts."""

import json
import re
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.bundle.processes import with_role
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.ports import free_port
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until


def scrape(port: int) -> dict[str, float]:
    """Return each sample by its name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = answer.read().decode().splitlines()
    samples = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name: float(value) for name, _, value in samples}


def test_requests_are_counted(new_small: NewSite) -> None:
    port = free_port()
    with new_small("--workers", "2", "--metrics-bind", f"127.0.0.1:{port}") as site:
        for _ in range(10):  # a new connection each time, so that both workers get some
            assert Customer(site.url).get("/").status == 200
        assert Customer(site.url).get("/absent/").status == 404
        metrics = scrape(port)
        assert metrics['djbundle_requests_total{code="2xx"}'] == 10
        assert metrics['djbundle_requests_total{code="4xx"}'] == 1
        assert metrics['djbundle_request_duration_seconds_bucket{le="+Inf"}'] == 11
        assert metrics["djbundle_request_duration_seconds_count"] == 11
        assert 0 < metrics["djbundle_request_duration_seconds_sum"] < 60
        assert metrics['djbundle_processes{role="web"}'] == 2
        assert metrics['djbundle_memory_bytes{role="web"}'] > 1_000_000
        assert metrics['djbundle_database_up{database="default"}'] == 1
        assert metrics['djbundle_sqlite_size_bytes{database="default",file="database"}'] > 0
        assert metrics['djbundle_sqlite_checkpoint_seconds{database="default"}'] < 60
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20)


def test_counting_goes_on_after_a_crash(new_small: NewSite) -> None:
    port = free_port()
    with new_small("--workers", "1", "--metrics-bind", f"127.0.0.1:{port}") as site:
        assert Customer(site.url).get("/").status == 200
        first = with_role(site, "web")[0]
        first.kill()
        wait_until(lambda: with_role(site, "web")[0].pid != first.pid, "another web worker")
        assert Customer(site.url).get("/").status == 200
        metrics = scrape(port)
        assert metrics['djbundle_requests_total{code="2xx"}'] == 2
        assert metrics['djbundle_starts_total{role="web"}'] == 2
        assert "web had to be started again 1 time; see the log" in site.run("status").stdout
        status = json.loads(site.run("status", "--json").stdout)
        assert (status["requests"], status["errors"], status["restarts"]) == (2, 0, {"web": 1})


def test_waiting_tasks_are_told(new_small: NewSite) -> None:
    port = free_port()
    with new_small("--no-worker", "--metrics-bind", f"127.0.0.1:{port}") as site:
        assert Customer(site.url).get("/write/?text=later").status == 200
        metrics = scrape(port)
        assert metrics['djbundle_tasks{queue="default",state="ready"}'] == 1
        assert metrics['djbundle_tasks_oldest_seconds{queue="default"}'] > 0


def test_metrics_outlive_an_upgrade(new_small: NewSite) -> None:
    port = free_port()
    with new_small("--metrics-bind", f"127.0.0.1:{port}") as site:
        before = site.status()["app"]
        site.process.send_signal(signal.SIGHUP)
        wait_until(lambda: site.status()["app"] != before, "another process has taken over")
        assert Customer(site.url).get("/").status == 200
        wait_until(lambda: scrape(port).get('djbundle_requests_total{code="2xx"}') == 1, "the new one counts")


def test_asgi_is_counted(streaming: Path, tmp_path: Path) -> None:
    with Site(streaming, tmp_path / "data", bare_environment(STREAMING_TOKEN="t")) as site:
        for _ in range(3):
            assert Customer(site.url).get("/up").status == 200
        status = json.loads(site.run("status", "--json").stdout)
        assert (status["requests"], status["errors"]) == (3, 0)
        assert re.search(r"^3 requests, 0 of them failed, [\d.]+ ms each$", site.run("status").stdout, re.MULTILINE)
