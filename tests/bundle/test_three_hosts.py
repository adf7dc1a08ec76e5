"""Three hosts, one PostgreSQL and a load balancer: a rolling upgrade under load, and each tick once."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.balancer import Balancer
from tests.support.hosts import HostSite, networks
from tests.support.load import Load, reader, writer
from tests.support.postgres import Postgres, temporary_postgres
from tests.support.site import bare_environment
from tests.support.waiting import wait_until

COUNT = 3
OPTIONS = ("--workers", "1", "--shutdown-delay", "3")  # the balancer asks each fifth of a second
CLIENTS = (*(reader(pause, keep=keep) for pause in (0.0, 0.02) for keep in (True, False)), writer)
ADD_SCHEDULES = """
import datetime
from django.utils import timezone
from djbundle.tasks.models import Schedule
first = timezone.now()
for number in range(3):
    Schedule.objects.create(name=f"s{number}", task_path="notes.tasks.write_note", args=[f"tick {number}"],
                            interval=1, missed="all", next_run=first)
print(first.timestamp())
"""
STOP_SCHEDULES = """
from djbundle.tasks.models import Schedule, TaskRecord
Schedule.objects.update(enabled=False)
for each in Schedule.objects.order_by("name"):
    runs = TaskRecord.objects.filter(args=each.args).count()
    print(round(each.next_run.timestamp() - {first}), runs)
"""
TASKS = "from djbundle.tasks.models import TaskRecord; print(*TaskRecord.objects.values_list('pk', flat=True))"
OPEN_TASKS = """
from djbundle.tasks.models import TaskRecord
print(TaskRecord.objects.exclude(status="SUCCESSFUL").count())
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with temporary_postgres() as server:
        server.create_database("small")
        yield server


@pytest.fixture
def hosts(small: Path, postgres: Postgres, tmp_path: Path) -> Iterator[list[HostSite]]:
    """Return a site for each host. Those that run at the end are stopped."""
    sites = []
    for number in range(COUNT):
        (tmp_path / f"host{number}").mkdir()
        environment = bare_environment(SMALL_POSTGRES=postgres.host, PGUSER=postgres.owner, SECRET_KEY_BASE="a" * 50)
        site = HostSite(small, tmp_path / f"host{number}" / "data", environment, *OPTIONS)
        site.number = number
        sites.append(site)
    try:
        with networks(COUNT):
            yield sites
            for site in sites:
                site.stop()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"network namespaces are not allowed here: {error.stderr!r}")


def test_rolling_upgrade_under_load(hosts: list[HostSite], next_small: Path) -> None:
    for host in hosts:
        host.start()
    with Balancer([host.address for host in hosts]) as balancer:
        wait_until(lambda: len(balancer.healthy) == COUNT, "all hosts serve", 90)
        first = float(hosts[0].shell(ADD_SCHEDULES))
        with Load(balancer, CLIENTS) as load:
            for host in hosts:
                before = load.response_count()
                assert host.stop() == 0
                assert host.address not in balancer.healthy
                host.bundle = next_small
                host.start()
                wait_until(lambda host=host: host.address in balancer.healthy, "the new version serves", 90)  # type: ignore[misc]
                wait_until(lambda before=before: load.has_more_than(before + 100), "clients are answered")  # type: ignore[misc]
        assert balancer.errors == []
        assert load.failures == []
        assert set(load.statuses) == {200}
    lines = [line.split() for line in hosts[0].shell(STOP_SCHEDULES.format(first=first)).splitlines()]
    assert len(lines) == 3
    assert all(ticks == runs and int(ticks) > 5 for ticks, runs in lines), lines
    wait_until(lambda: hosts[0].shell(OPEN_TASKS) == "0", "all tasks end", 60)
    assert set(load.written) <= set(hosts[0].shell(TASKS).split())
    logs = [host.log.read_text() for host in hosts]
    assert sum("applying 1 migration to the database" in log for log in logs) == 1
