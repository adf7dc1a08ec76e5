"""One variable moves the tasks of a bundle to a broker; its code does not change."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bundle.processes import with_role
from tests.bundle.test_metrics import scrape
from tests.conftest import NewSite
from tests.support.ports import free_port
from tests.support.redis import Redis
from tests.support.servers import running
from tests.support.site import Site, bare_environment
from tests.support.sqs import Sqs
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with running(Redis) as server:
        yield server


def page(site: Site, path: str = "/") -> str:
    with urllib.request.urlopen(site.url + path, timeout=10) as response:
        text: str = response.read().decode()
        return text


def is_written(site: Site, text: str) -> bool:
    return text in page(site)


def test_tasks_go_over_redis(new_small: NewSite, redis: Redis) -> None:
    with new_small("--workers", "1", TASKS_URL=f"{redis.url}?prefix=one") as site:
        page(site, "/write/?text=carried")
        wait_until(lambda: is_written(site, "carried"), "the task has run")
        assert "tasks come from redis://" in site.log.read_text()
        assert f"tasks go over {redis.url}; " in site.run("status").stdout


def test_tasks_go_over_sqs(new_small: NewSite) -> None:
    """So boto3 finds in the bundle what it reads, such as the description of SQS."""
    with running(Sqs) as server, new_small("--workers", "1", TASKS_URL=f"{server.url}&prefix=one") as site:
        page(site, "/write/?text=carried")
        wait_until(lambda: is_written(site, "carried"), "the task has run")
        assert "tasks come from sqs://***@" in site.log.read_text()


def test_without_its_broker_they_wait(new_small: NewSite, tmp_path: Path) -> None:
    server = Redis(tmp_path / "redis")
    with new_small("--workers", "1", TASKS_URL=server.url) as site:
        page(site, "/write/?text=patient")
        wait_until(lambda: "the broker does not answer" in site.log.read_text(), "the log says so")
        assert not is_written(site, "patient")
        with server:
            wait_until(lambda: is_written(site, "patient"), "the task has run")


def test_worker_alone(new_small: NewSite, redis: Redis) -> None:
    """The web process and the worker are started apart, from the same file."""
    with new_small("--workers", "1", "--no-worker", TASKS_URL=f"{redis.url}?prefix=apart") as site:
        page(site, "/write/?text=elsewhere")
        assert not is_written(site, "elsewhere")
        site.run("worker", "--drain")
        assert is_written(site, "elsewhere")


def test_web_host_has_a_relay(new_small: NewSite, tmp_path: Path) -> None:
    """It sends what its requests enqueue. Without the broker tasks wait, the site is ready, and everything says so."""
    server, port = Redis(tmp_path / "redis"), free_port()
    options = ("--workers", "1", "--roles", "web", "--metrics-bind", f"127.0.0.1:{port}")
    with new_small(*options, TASKS_URL=f"{server.url}?prefix=web") as site:
        page(site, "/write/?text=patient")
        wait_until(lambda: "warnings" in json.loads(page(site, "/up")), "/up tells of the outage")
        report = json.loads(page(site, "/up"))
        assert (report["ready"], report["problems"]) == (True, [])
        assert report["warnings"][0].startswith("the broker has not answered since ")
        assert "warning: the broker has not answered since " in site.run("healthcheck").stdout
        assert broker_of(port) == [0.0]
        assert scrape(port)["djbundle_tasks_unsent_oldest_seconds"] > 0
        assert "the broker has not answered the relay " in site.run("status", "--queues").stdout
        [relay] = json.loads(site.run("status", "--queues", "--json").stdout)["relays"]
        assert "the broker does not answer" in relay["error"]
        with server:
            wait_until(lambda: broker_of(port) == [1.0], "the relay reaches the broker")
            wait_until(lambda: scrape(port).get('djbundle_tasks_sent{queue="default"}') == 1, "it sends the task")
            wait_until(lambda: "warnings" not in json.loads(page(site, "/up")), "/up tells no more")
            assert "the broker answers the relay " in site.run("status", "--queues").stdout
            first = with_role(site, "relay", 2)[0]
            first.kill()
            wait_until(lambda: with_role(site, "relay", 2)[0].pid != first.pid, "another relay")
            assert site.stop() == 0
        assert "Traceback" not in site.log.read_text()


def broker_of(port: int) -> list[float]:
    """Return whether the broker answers, for each relay."""
    return [value for name, value in scrape(port).items() if name.startswith("djbundle_broker_up")]


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("kafka://:secret@host", 'TASKS_URL has the unknown scheme "kafka"'),
        ("redis://:secret@host:port", "TASKS_URL is not a valid URL"),
        ("sqs://key:a/secret@?region=eu-central-1", "TASKS_URL is not a valid URL"),
    ],
)
def test_wrong_url(small: Path, tmp_path: Path, url: str, cause: str) -> None:
    site = Site(small, tmp_path / "data", bare_environment(TASKS_URL=url))
    result = site.run("serve", check=False)
    assert result.returncode == 12
    assert cause in result.stderr
    assert "fix: " in result.stderr
    assert "secret" not in result.stderr + result.stdout
    assert not (site.data / "db.sqlite3").exists()


def test_config_masks_the_password(small: Path, tmp_path: Path) -> None:
    site = Site(small, tmp_path / "data", bare_environment(TASKS_URL="redis://:tops3cret@host/0"))
    output = site.run("config").stdout
    assert "TASKS_URL" in output
    assert "tops3cret" not in output
