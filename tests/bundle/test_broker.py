"""One variable moves the tasks of a bundle to a broker; its code does not change."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NewSite
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


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("kafka://:secret@host", 'TASKS_URL has the unknown scheme "kafka"'),
        ("redis://:secret@host:port", "TASKS_URL is no valid URL"),
        ("sqs://key:a/secret@?region=eu-central-1", "TASKS_URL is no valid URL"),
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
