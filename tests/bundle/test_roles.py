"""One project on several hosts that share a PostgreSQL: roles, migrations by one host, and a stop that is announced."""

import json
import re
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bundle.processes import assert_refused, tree_of, with_role
from tests.bundle.test_upgrade import upgrade
from tests.support.customer import Customer
from tests.support.load import PLAIN, Load
from tests.support.ports import free_port
from tests.support.postgres import Postgres, temporary_postgres
from tests.support.site import Site, bare_environment, copy_bundle
from tests.support.waiting import wait_until

NOTES = "from notes.models import Note; print(*Note.objects.values_list('text', flat=True))"
ADD_SCHEDULE = """
from django.utils import timezone
from djbundle.tasks.models import Schedule
Schedule.objects.create(name="s", task_path="notes.tasks.write_note", args=["tick"], interval=1, missed="all",
                        next_run=timezone.now())
"""
COUNT_TICKS = "from notes.models import Note; print(Note.objects.filter(text='tick').count())"
NewHost = Callable[..., Site]


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with temporary_postgres() as server:
        server.create_database("small")
        yield server


@pytest.fixture
def new_host(small: Path, postgres: Postgres, tmp_path: Path) -> NewHost:
    """Return a function that makes a host with a data directory of its own; all hosts have one database."""

    def make(name: str, *options: str, bundle: Path = small, **environment: str) -> Site:
        variables = bare_environment(SMALL_POSTGRES=postgres.host, PGUSER=postgres.owner, **environment)
        (tmp_path / name).mkdir(exist_ok=True)
        return Site(bundle, tmp_path / name / "data", variables, "--workers", "1", *options)

    return make


class Headless(Site):
    """A site without the role web, which has no address."""

    def command(self) -> list[str]:
        return [str(self.bundle), "serve", *self.options, "--data-dir", str(self.data)]

    def __enter__(self) -> "Headless":
        self.start()
        wait_until(lambda: " runs as " in self.log.read_text() or self.process.poll(), "it runs")
        assert self.process.poll() is None, self.log.read_text()
        return self


def without_web(host: Site) -> Headless:
    return Headless(host.bundle, host.data, host.environment, *host.options)


def roles_of(site: Site) -> set[str]:
    """Return the roles of the processes that the app process has started."""
    return {each.name().rpartition(" ")[2] for each in tree_of(site)} & {"web", "worker", "scheduler"}


def status_of(site: Site, path: str) -> int:
    try:
        with urllib.request.urlopen(f"{site.url}{path}", timeout=20) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_each_role_on_a_host_of_its_own(new_host: NewHost) -> None:
    web = new_host("web", "--roles", "web")
    worker = without_web(new_host("worker", "--roles", "worker"))
    scheduler = without_web(new_host("scheduler", "--roles", "scheduler"))
    with web:
        assert roles_of(web) == {"web"}
        Customer(web.url).get("/write/?text=first")
        web.shell(ADD_SCHEDULE)
        assert status_of(web, "/up") == 200
        with worker:
            assert " runs as worker with data in " in worker.log.read_text()
            wait_until(lambda: web.shell(NOTES) == "first", "the worker runs the task of the other host")
            assert roles_of(worker) == {"worker"}
            assert worker.status()["urls"] == []
            assert worker.run("healthcheck").stdout == "small runs\n"
            with scheduler:
                wait_until(lambda: int(web.shell(COUNT_TICKS)) >= 2, "ticks of the scheduler are run by the worker")
                assert roles_of(scheduler) == {"scheduler"}
                before = scheduler.status()["app"]
                scheduler.process.send_signal(signal.SIGHUP)
                wait_until(lambda: scheduler.status()["app"] != before, "another process has taken over")
                wait_until(lambda: roles_of(scheduler) == {"scheduler"}, "it has the same role")
                assert scheduler.stop() == 0
            assert worker.stop() == 0


def test_hosts_that_start_at_once_migrate_once(new_host: NewHost) -> None:
    """The database is new. One host migrates it, the others wait for that, and then all of them serve."""
    hosts = [new_host(f"host{number}", "--roles", "web") for number in range(3)]
    threads = [threading.Thread(target=host.__enter__) for host in hosts]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [status_of(host, "/up") for host in hosts] == [200] * 3
    finally:
        for host in hosts:
            host.stop()
    logs = [host.log.read_text() for host in hosts]
    assert sum(bool(re.search(r"applying \d+ migrations", log)) for log in logs) == 1, logs
    waited = [log for log in logs if "this one waits until it is done" in log]
    assert all("another host has migrated the database" in log for log in waited)


def test_migration_that_the_version_before_cannot_work_with(new_host: NewHost, next_small: Path) -> None:
    """It is refused by its name, unless no host of that version is left."""
    old = new_host("old")
    new = new_host("new", bundle=next_small, NEXT="removes a field")
    with old:
        refused = new.run("serve", "--bind", "127.0.0.1:0", check=False)
        assert_refused(refused, 46, "after notes.0003_next removes notes.Note.file")
        assert "workers of another version run: " in refused.stderr
        assert "serve --allow-breaking-migrations" in refused.stderr
        assert status_of(old, "/") == 200
        shown = new.run("migrate", "--check", check=False)
        assert shown.returncode == 1
    with new_host("new", "--allow-breaking-migrations", bundle=next_small, NEXT="removes a field") as allowed:
        assert "notes.0003_next removes notes.Note.file" in allowed.log.read_text()


def test_upgrade_with_postgres_under_load(small: Path, new_host: NewHost, next_small: Path, tmp_path: Path) -> None:
    """The migration is applied while the old version serves. Afterwards, a rollback names what stays."""
    copy = copy_bundle(small, tmp_path / "place")
    with new_host("host", bundle=copy) as site:
        plan = upgrade(site, next_small, "--check").stdout
        assert "1 migration of a database server: applied while the old version serves" in plan
        assert "notes.0003_next runs Python code: the older version may not be able to work with that" in plan
        with Load(site, PLAIN) as load:
            wait_until(lambda: load.response_count() > 20, "clients are answered")
            result = upgrade(site, next_small)
            assert result.returncode == 0, result.stderr
            count = load.response_count()
            wait_until(lambda: load.response_count() > count + 20, "clients are answered")
        assert load.failures == []
        assert "migrated" in site.shell(NOTES).split()
        back = site.run("rollback").stdout
        assert "1 migration that it does not know, which stay applied: notes.0003_next" in back
        assert "notes.0003_next runs Python code" in back


def test_upgrade_that_the_old_version_could_not_work_with(
    small: Path, new_host: NewHost, next_small: Path, tmp_path: Path
) -> None:
    """Other hosts may run it. The old version goes on, on the file that was there."""
    copy = copy_bundle(small, tmp_path / "place")
    with new_host("host", bundle=copy, NEXT="removes a field") as site:
        what = "notes.0003_next removes notes.Note.file"
        assert f"{what}: the older version cannot work with that" in upgrade(site, next_small, "--check").stdout
        refused = upgrade(site, next_small)
        assert refused.returncode == 55
        assert f"after {what}" in refused.stderr
        assert copy.read_bytes() == small.read_bytes()
        assert status_of(site, "/") == 200
        assert "file" in site.shell("from notes.models import Note; print([f.name for f in Note._meta.fields])")


def test_health_fails_before_the_sockets_close(new_host: NewHost) -> None:
    """A load balancer that asks /up sends no more requests by the time at which connections are refused."""
    with new_host("host", "--shutdown-delay", "3600") as site:
        wait_until(lambda: status_of(site, "/up") == 200, "it is up, with its worker")
        site.process.send_signal(signal.SIGTERM)
        wait_until(lambda: status_of(site, "/up") == 503, "the health check fails")
        assert status_of(site, "/") == 200
        assert status_of(site, "/up/live") == 200
        wait_until(lambda: roles_of(site) == {"web"}, "the worker has stopped already")
        with_role(site, "app")[0].terminate()  # the delay is over
        assert site.process.wait(60) == 0
        assert "did not finish" not in site.log.read_text()


def test_queues_in_status(new_host: NewHost) -> None:
    with new_host("host", "--roles", "web") as site:
        Customer(site.url).get("/write/?text=later")
        text = site.run("status", "--queues").stdout
        assert "queue default: 1 ready, 0 scheduled, 0 running" in text
        assert "none has ended lately" in text
        [queue] = json.loads(site.run("status", "--queues", "--json").stdout)["queues"]
        assert (queue["queue"], queue["ready"], queue["drain"]) == ("default", 1, None)
        assert site.status()["queues"] is None
        site.run("worker", "--burst")
        Customer(site.url).get("/write/?text=more")
        [queue] = json.loads(site.run("status", "--queues", "--json").stdout)["queues"]
        assert queue["drain"] == pytest.approx(60)  # one in the last minute


def test_status_says_that_the_queues_cannot_be_read(new_host: NewHost) -> None:
    with new_host("host", "--roles", "web") as site:
        site.environment["DATABASE_URL"] = f"postgres://shop@127.0.0.1:{free_port()}/shop"  # nothing listens there
        result = site.run("status", "--queues", check=False)
        assert "requests" in result.stdout
        assert result.returncode == 48
        cause, fix = result.stderr.splitlines()
        assert cause.startswith('error: the database "default" does not answer')
        assert "correct DATABASE_URL" in fix


def test_roles_without_anything_to_do(streaming: Path, tmp_path: Path) -> None:
    site = Site(streaming, tmp_path / "data", bare_environment(STREAMING_TOKEN="t"))
    assert_refused(site.run("serve", "--roles", "worker", check=False), 2, "the project has no tasks")
