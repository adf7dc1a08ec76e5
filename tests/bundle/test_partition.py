"""Three hosts, one PostgreSQL and one Redis: a host is cut off from one of them for longer than its lease, or is lost.

Nothing is lost, and no outcome is recorded twice. What runs on both sides counts once. Each tick is enqueued once.
"""

import contextlib
import itertools
import json
import subprocess
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.balancer import get, is_up
from tests.support.hosts import SUBNET, HostSite, gate_of, networks, partition
from tests.support.outcomes import CREATE
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.redis import Redis
from tests.support.servers import running
from tests.support.site import bare_environment
from tests.support.waiting import wait_until

COUNT = 3
LEASE = 6.0  # seconds
PATIENCE = 180.0  # seconds: what Redis has handed to a host that did not get it is sent again after a minute
PASSWORD = "s3cret"
ADD_SCHEDULE = """
from django.utils import timezone
from djbundle.tasks.models import Schedule
print(Schedule.objects.create(name="each second", task_path="notes.tasks.write_note", args=["tick"],
                              interval=1, missed="all", next_run=timezone.now()).next_run.timestamp())
"""
TICKS = """
SELECT extract(epoch FROM next_run), (SELECT count(*) FROM djbundle_tasks_taskrecord WHERE args = '["tick"]')
FROM djbundle_tasks_schedule
"""

pytestmark = pytest.mark.slow


@dataclass
class Cluster:
    """Three hosts, and the servers that they share."""

    hosts: list[HostSite]
    postgres: Postgres
    redis: Redis
    connection: "psycopg.Connection[Any]"
    first: float  # tick of the schedule, seconds since 1970

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(sql).fetchall())

    def others(self, host: HostSite) -> list[HostSite]:
        return [each for each in self.hosts if each is not host]


@pytest.fixture(scope="module")
def cluster(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    gates = [gate_of(number) for number in range(COUNT)]
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(networks(COUNT))
            with partition(0, 1):
                pass
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            pytest.skip(f"network namespaces with nftables are not to be had here: {error}")
        network = f"{SUBNET}.0.0/16"
        postgres = stack.enter_context(running(lambda folder: Postgres(folder, port=free_port(), network=network)))
        redis = stack.enter_context(running(lambda folder: Redis(folder, gates)))
        postgres.set_password(PASSWORD)
        postgres.create_database("small")
        hosts = [new_host(number, small, tmp_path_factory.mktemp("host"), postgres, redis) for number in range(COUNT)]
        hosts[0].run("migrate")
        connection = stack.enter_context(
            psycopg.connect(
                host=postgres.host, port=postgres.port, dbname="small", user=postgres.owner, autocommit=True
            )
        )
        connection.execute("CREATE TABLE outcomes (task BIGINT, status VARCHAR(10))")
        for statement in CREATE["postgresql"]:
            connection.execute(statement)
        for host in hosts:
            host.start()
            stack.callback(host.stop)
        for host in hosts:
            wait_until(lambda host=host: is_up(host.address), "all hosts serve", PATIENCE)  # type: ignore[misc]
        yield Cluster(hosts, postgres, redis, connection, float(hosts[0].shell(ADD_SCHEDULE)))


def new_host(number: int, bundle: Path, folder: Path, postgres: Postgres, redis: Redis) -> HostSite:
    variables = bare_environment(
        DATABASE_URL=f"postgres://{postgres.owner}:{PASSWORD}@{gate_of(number)}:{postgres.port}/small",
        TASKS_URL=f"redis://{gate_of(number)}:{redis.port}/0",
        SECRET_KEY="a-key-for-all-machines-0123456789-0123456789-abcdef",
        SMALL_LEASE=str(LEASE),
    )
    host = HostSite(bundle, folder / "data", variables, "--workers", "1")
    host.number = number
    return host


@dataclass
class Held:
    """Tasks that wait on their host until it may go on. They tell of themselves in files, which all hosts share."""

    folder: Path
    cluster: Cluster

    def enqueue_until(self, condition: Callable[[], object]) -> None:
        """Enqueue one after the other until that is so."""
        for number in itertools.count(len(self.hosts)):
            code = f"from notes.tasks import hold; print(hold.enqueue({str(self.folder)!r}, {number}).id)"
            self.cluster.hosts[1].shell(code)
            wait_until(lambda number=number: number in self.hosts, "the task begins", PATIENCE)  # type: ignore[misc]
            if condition():
                return

    @property
    def hosts(self) -> dict[int, list[str]]:
        """The hosts on which each task has begun, by its number."""
        found: dict[int, list[str]] = {}
        begun = self.folder / "begun"
        for line in begun.read_text().splitlines() if begun.exists() else ():
            number, host = line.split()
            found.setdefault(int(number), []).append(host)
        return found

    def on(self, host: HostSite) -> list[int]:
        """Return the tasks whose first run is on this host."""
        return [number for number, hosts in self.hosts.items() if hosts[0] == name(host)]

    def release(self, *hosts: HostSite) -> None:
        """Let tasks end on these hosts."""
        for host in hosts:
            (self.folder / f"go-{name(host)}").touch()

    def results(self) -> dict[int, tuple[str, str | None, int]]:
        """Return status, value and epoch of each task, by its number."""
        rows = self.cluster.ask(
            "SELECT args, status, return_value, epoch FROM djbundle_tasks_taskrecord "
            f"WHERE args ->> 0 = '{self.folder}'"
        )
        return {args[1]: (status, value, epoch) for args, status, value, epoch in rows}

    def have_ended(self, numbers: "list[int] | None" = None) -> bool:
        results = self.results()
        return all(results[number][0] == "SUCCESSFUL" for number in (numbers if numbers is not None else results))


@pytest.fixture
def held(cluster: Cluster, tmp_path: Path) -> Iterator[Held]:
    """Return tasks to hold. At the end, check what is true of all tasks and ticks."""
    tasks = Held(tmp_path, cluster)
    yield tasks
    tasks.release(*cluster.hosts)
    wait_until(tasks.have_ended, "all tasks end", PATIENCE)
    open_tasks = "SELECT args FROM djbundle_tasks_taskrecord WHERE status <> 'SUCCESSFUL' AND args <> '[\"tick\"]'"
    assert cluster.ask(open_tasks) == []
    assert [key for key, times in Counter(cluster.ask("SELECT task FROM outcomes")).items() if times > 1] == []
    [(next_run, runs)] = cluster.ask(TICKS)
    assert round(float(next_run) - cluster.first) == runs > 3


def name(host: HostSite) -> str:
    return f"host{host.number}"


def up(host: HostSite) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(get(host.address, "/up", 30.0)[1])
    return report


def log_of(host: HostSite) -> str:
    return host.log.read_text()


def write_note(host: HostSite, text: str) -> None:
    get(host.address, f"/write/?text={urllib.parse.quote(text)}", 30.0)


def is_noted(cluster: Cluster, text: str) -> bool:
    return cluster.ask(f"SELECT count(*) FROM notes_note WHERE text = '{text}'") == [(1,)]


def test_worker_cut_off_from_the_database(cluster: Cluster, held: Held) -> None:
    """Others run its tasks meanwhile. When it can write again, its outcomes come too late, and are dropped."""
    cut_off, *others = cluster.hosts
    held.enqueue_until(lambda: held.on(cut_off))
    numbers = held.on(cut_off)
    with partition(cut_off.number, cluster.postgres.port or 0):
        held.release(*others)
        wait_until(lambda: not is_up(cut_off.address), "its /up says so", PATIENCE)
        assert any("do not answer" in problem for problem in up(cut_off)["problems"])
        wait_until(lambda: held.have_ended(numbers), "others run its tasks", PATIENCE)
        assert all(is_up(host.address) for host in others)
        held.release(cut_off)  # there they end only now
    results = held.results()
    assert {results[number][1] for number in numbers} <= {name(host) for host in others}
    assert {results[number][2] for number in numbers} == {2}
    wait_until(lambda: "had lost their lease" in log_of(cut_off), "its outcomes come too late", PATIENCE)
    wait_until(lambda: is_up(cut_off.address), "it serves again", PATIENCE)
    assert held.results() == results
    assert "tasks of a worker that is gone are run again" in "".join(map(log_of, others))


def test_firewall_forgets_the_connections(cluster: Cluster, held: Held) -> None:
    """No answer comes, and no end either. The host opens new ones, and works again."""
    host = cluster.hosts[0]
    held.release(*cluster.hosts[1:])
    with partition(host.number, cluster.postgres.port or 0, only_now=True):
        held.enqueue_until(lambda: held.on(host))
        wait_until(lambda: is_up(host.address), "it serves again", PATIENCE)


def test_worker_cut_off_from_the_broker(cluster: Cluster, held: Held) -> None:
    """Others run what is enqueued meanwhile, also by this host. It stays ready, and tells of the outage."""
    cut_off, *others = cluster.hosts
    held.release(*others)
    with partition(cut_off.number, cluster.redis.port):
        wait_until(lambda: "warnings" in up(cut_off), "its /up tells of the outage", PATIENCE)
        assert "the broker has not answered 1 of 3 relays since" in up(others[0])["warnings"][0]
        assert is_up(cut_off.address)
        assert "the broker does not answer" in log_of(cut_off)
        for host in cluster.hosts:
            write_note(host, f"from {name(host)}")
        for host in cluster.hosts:
            wait_until(lambda host=host: is_noted(cluster, f"from {name(host)}"), "others run it", PATIENCE)  # type: ignore[misc]
    wait_until(lambda: "warnings" not in up(cut_off), "the broker answers again", PATIENCE)
    held.enqueue_until(lambda: held.on(cut_off))


def test_loss_of_a_host(cluster: Cluster, held: Held) -> None:
    """Nobody is told that it ends: its connections stay open, and its lease ends."""
    lost, *others = reversed(cluster.hosts)
    held.enqueue_until(lambda: held.on(lost))
    numbers = held.on(lost)
    lost.lose()
    try:
        held.release(*others)
        wait_until(lambda: held.have_ended(numbers), "others run its tasks", PATIENCE)
        results = held.results()
        assert {results[number][1] for number in numbers} <= {name(host) for host in others}
        assert {results[number][2] for number in numbers} == {2}
        assert all(is_up(host.address) for host in others)
        gone = f"SELECT 1 FROM djbundle_tasks_workerrecord WHERE host = '{name(lost)}'"
        wait_until(lambda: not cluster.ask(gone), "it is not a worker any more", PATIENCE)
    finally:
        lost.replace()
    wait_until(lambda: is_up(lost.address), "it serves again", PATIENCE)
    held.enqueue_until(lambda: len(held.on(lost)) > len(numbers))
