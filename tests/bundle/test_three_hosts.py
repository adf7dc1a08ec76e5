"""Three hosts and one PostgreSQL: a rolling upgrade under load, each tick once, and a purchase with a role for each."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bundle.test_purchase import pay, wait_for_status
from tests.conftest import REPOSITORY, build
from tests.support.balancer import Balancer, is_up
from tests.support.customer import Customer
from tests.support.hosts import HostSite, gate_of, host_of, networks
from tests.support.load import Load, reader, writer
from tests.support.outside import Outside
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

SHOP_SETTINGS = """
if "SHOP_POSTGRES" in os.environ:
    DATABASES["default"] = {
        "ENGINE": "django.db.backends.postgresql", "NAME": "shop", "HOST": os.environ["SHOP_POSTGRES"]
    }
"""
NewHost = Callable[..., HostSite]

pytestmark = pytest.mark.slow


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with temporary_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def shop_on_postgres(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sample shop with settings that can name a PostgreSQL."""
    project = Path(shutil.copytree(REPOSITORY / "sample_shop", tmp_path_factory.mktemp("shop") / "shop"))
    with (project / "shop" / "settings.py").open("a") as file:
        file.write(SHOP_SETTINGS)
    with (project / "pyproject.toml").open("a") as file:
        file.write('include = ["psycopg", "psycopg-binary"]\n')
    return build(project, bundles / "shop_on_postgres" / "shop")


@pytest.fixture
def new_host(postgres: Postgres, tmp_path: Path) -> Iterator[NewHost]:
    """Return a function that makes the site of a host. Those that run at the end of the test are stopped."""
    sites: list[HostSite] = []

    def make(number: int, bundle: Path, *options: str, **environment: str) -> HostSite:
        (tmp_path / f"host{number}").mkdir()
        variables = bare_environment(PGUSER=postgres.owner, SECRET_KEY_BASE="a" * 50, **environment)
        sites.append(HostSite(bundle, tmp_path / f"host{number}" / "data", variables, *options))
        sites[-1].number = number
        return sites[-1]

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(networks(COUNT))
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces are not allowed here: {error.stderr!r}")
        yield make
        for site in sites:
            site.stop()


def test_rolling_upgrade_under_load(new_host: NewHost, postgres: Postgres, small: Path, next_small: Path) -> None:
    postgres.create_database("small")
    hosts = [new_host(number, small, *OPTIONS, SMALL_POSTGRES=postgres.host) for number in range(COUNT)]
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


def test_purchase_with_a_role_for_each_host(new_host: NewHost, postgres: Postgres, shop_on_postgres: Path) -> None:
    """The web host takes the order, and another host charges the card and sends the mail, once."""
    postgres.create_database("shop")
    with Outside("0.0.0.0") as outside:
        web, worker, scheduler = (
            new_host(
                number,
                shop_on_postgres,
                *("--roles", role),
                SHOP_POSTGRES=postgres.host,
                SHOP_SECRET_KEY="b" * 50,
                SHOP_HOSTS=host_of(number),
                **outside.settings(gate_of(number)),
            )
            for number, role in enumerate(("web", "worker", "scheduler"))
        )
        web.run("migrate")
        web.run("demo_data")
        for host in (web, worker, scheduler):
            host.start()
        customer = Customer(f"http://{web.address}")
        wait_until(lambda: is_up(web.address), "the web host serves", 90)
        outside.gateway.misbehave("busy")
        order = pay(customer, "ada@example.com")
        wait_for_status(customer, order, "paid")
        outside.mailbox.wait("ada@example.com")
        assert len(outside.gateway.charges()) == 1
        assert len(outside.mailbox.to("ada@example.com")) == 1
        wait_until(lambda: "runs as scheduler" in scheduler.log.read_text(), "the scheduler runs")
        assert [host.stop() for host in (web, worker, scheduler)] == [0, 0, 0]
