"""``/up``, ``healthcheck`` and ``status`` report the truth to people, load balancers and machines."""

import contextlib
import json
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.bundle.processes import assert_refused, with_role
from tests.conftest import NewSite
from tests.support.postgres import Postgres
from tests.support.servers import running
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until


def ask(site: Site) -> tuple[int, dict[str, object]]:
    return fetch(f"{site.url}/up")


def fetch(url: str) -> tuple[int, dict[str, object]]:
    """Fetch it with a host name that no site allows."""
    request = urllib.request.Request(url, headers={"Host": "whatever.example"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_up_when_the_worker_is_heard_of(new_small: NewSite) -> None:
    with new_small("--workers", "1") as site:  # with several, another one may answer from its cache for a second
        wait_until(lambda: ask(site)[0] == 200, "it is ready")
        assert ask(site) == (200, {"ready": True, "problems": []})
        assert site.run("healthcheck").stdout == f"{site.url}/ is up\n"


def test_up_all_through_a_reload(new_small: NewSite) -> None:
    """The old version's worker has left, and the new one's has just been started: that is not a fault."""
    with new_small("--workers", "1") as site:
        wait_until(lambda: ask(site)[0] == 200, "it is ready")
        site.process.send_signal(signal.SIGHUP)
        answers = []
        wait_until(
            lambda: answers.append(ask(site)) or site.log.read_text().count("serves http") == 2, "it has reloaded"
        )
        end = time.monotonic() + 3  # seconds, in which the worker begins
        while time.monotonic() < end:
            answers.append(ask(site))
        assert {status for status, _ in answers} == {200}, next(body for status, body in answers if status != 200)


def test_not_up_without_its_database(new_small: NewSite) -> None:
    with new_small("--no-worker") as site:
        assert ask(site)[0] == 200
        (site.data / "db.sqlite3").rename(site.data / "gone")
        (site.data / "db.sqlite3").mkdir()
        _, report = wait_until(lambda: response if (response := ask(site))[0] == 503 else None, "it is not ready")
        assert report == {"ready": False, "problems": ['the database "default" does not answer']}
        # Another web process may have checked a moment ago, and answer from its cache for a second.
        refused = wait_until(lambda: done if (done := site.run("healthcheck", check=False)).returncode else None, "no")
        assert_refused(refused, 53, "is not ready")


def test_not_up_without_its_migrations(new_small: NewSite) -> None:
    site = new_small("--no-migrate", "--no-worker")
    site.run("migrate", "notes", "0001")
    with site:
        assert ask(site) == (503, {"ready": False, "problems": ['the database "default" lacks migrations']})
        assert fetch(f"{site.url}/up/live") == (200, {"live": True})
        site.run("migrate")
        wait_until(lambda: ask(site)[0] == 200, "it is ready")


def test_not_up_on_a_full_disk(small: Path, small_disk: Path) -> None:
    with Site(small, small_disk / "data", bare_environment(), "--no-worker") as site:
        _, report = ask(site)
        assert report["problems"] == ['the database "default" has no room left on its disk']


def test_not_up_while_the_database_hangs(new_small: NewSite) -> None:
    """A stopped server accepts connections and sends nothing: /up answers all the same."""
    with running(Postgres) as server:
        server.create_database("small")
        site = new_small("--workers", "1", "--no-worker", SMALL_POSTGRES=server.host, PGUSER=server.owner)
        site.run("migrate")
        with site:
            assert ask(site)[0] == 200
            processes = server.processes()
            for each in processes:
                each.suspend()
            try:
                expected = (503, {"ready": False, "problems": ["the databases do not answer within 3 s"]})
                wait_until(lambda: ask(site)[0] == 503, "it is not ready")
                assert ask(site) == expected
                assert fetch(f"{site.url}/up/live")[0] == 200
            finally:
                for each in processes:
                    with contextlib.suppress(psutil.NoSuchProcess):  # a helper of the server that has finished
                        each.resume()
            wait_until(lambda: ask(site)[0] == 200, "it is ready again")


def test_path_of_choice(new_small: NewSite) -> None:
    with new_small("--health-path", "/healthz", "--no-worker") as site:
        assert fetch(f"{site.url}/healthz")[0] == 200
        assert fetch(f"{site.url}/healthz/live")[0] == 200
        assert site.run("healthcheck").returncode == 0
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{site.url}/up", timeout=20)


def test_asgi_without_a_database(streaming: Path, tmp_path: Path) -> None:
    with Site(streaming, tmp_path / "data", bare_environment(STREAMING_TOKEN="t")) as site:
        assert ask(site) == (200, {"ready": True, "problems": []})


def test_status_shows_the_tree(new_small: NewSite) -> None:
    with new_small("--workers", "2") as site:
        web = with_role(site, "web", 2)
        status = json.loads(site.run("status", "--json").stdout)
        assert status["url"] == f"{site.url}/"
        shown = {each["pid"]: each["role"] for each in status["processes"]}
        assert {each.pid for each in web} <= shown.keys()
        assert (shown[site.process.pid], shown[status["app"]]) == ("serve", "app")
        assert all(each["memory"] > 0 and each["seconds"] >= 0 for each in status["processes"])
        assert site.run("status").stdout.count("small web") == 2


def test_nobody_to_ask(new_small: NewSite) -> None:
    site = new_small()
    site.run("version")
    site.data.mkdir()
    for command in ("status", "healthcheck"):
        assert_refused(site.run(command, check=False), 54, "no `serve` answers")
