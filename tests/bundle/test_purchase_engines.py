"""One bundle of the shop, moved by variables alone: the same purchase on each database and over each broker."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bundle.test_purchase import pay, wait_for_status
from tests.conftest import ADMIN_PASSWORD
from tests.support.customer import Customer
from tests.support.engines import Servers
from tests.support.mailbox import text_of
from tests.support.outside import Outside
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.servers import running
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

ENGINES = ["sqlite", "postgresql", "mariadb", "redis", "rabbitmq", "sqs", "redis-direct", "rabbitmq-direct"]
OUTCOMES = """
import json
from djbundle.tasks.models import TaskRecord
rows = TaskRecord.objects.filter(task_path__startswith="orders.tasks.").order_by("id")
print(json.dumps([[row.task_path.rpartition(".")[2], str(row.status)] for row in rows]))
"""
PRODUCTS = "from catalogue.models import Product; print(Product.objects.count())"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with Servers() as servers:
        yield servers


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """Run a server that takes a password, as DATABASE_URL names it."""
    with running(lambda folder: Postgres(folder, port=free_port())) as server:
        server.set_password("secret")
        yield server


@pytest.fixture
def variables(request: pytest.FixtureRequest, servers: Servers) -> Callable[[str], dict[str, str]]:
    """Return a function that makes a database, and returns the variables which name it and the broker."""

    def on_postgres(name: str) -> str:
        server: Postgres = request.getfixturevalue("postgres")
        server.create_database(name)
        return f"postgres://{server.owner}:secret@127.0.0.1:{server.port}/{name}"

    def on_mariadb() -> str:
        servers.mariadb.load_time_zones()
        servers.mariadb.create_database("shop")
        return f"mariadb://{servers.mariadb.owner}@/shop?unix_socket={servers.mariadb.socket}"

    def variables_of(engine: str) -> dict[str, str]:
        if engine == "sqlite":
            return {}
        if engine == "mariadb":
            return {"DATABASE_URL": on_mariadb()}
        database = {"DATABASE_URL": on_postgres(f"shop_{engine.replace('-', '_')}")}
        if engine == "postgresql":
            return database
        broker, _, direct = engine.partition("-")
        url = getattr(servers, broker).url
        query = f"prefix={engine}{'&rows=no' if direct else ''}"
        return database | {"TASKS_URL": f"{url}{'&' if '?' in url else '?'}{query}"}

    return variables_of


@pytest.mark.parametrize("engine", ENGINES)
def test_purchase(
    engine: str, variables: Callable[[str], dict[str, str]], shop: Path, outside: Outside, tmp_path: Path
) -> None:
    """The card is charged once, although the gateway is busy at first; the mail is sent, and the outcome recorded."""
    site = Site(shop, tmp_path / "data", bare_environment(**outside.settings(), **variables(engine)))
    site.run("migrate")
    site.run("demo_data", "--admin-password", ADMIN_PASSWORD)
    site.run("demo_data", "--admin-password", ADMIN_PASSWORD)  # it may be run again
    assert int(site.shell(PRODUCTS)) > 10
    before, email = len(outside.gateway.charges()), f"{engine}@example.com"
    with site:
        outside.gateway.misbehave("busy")
        customer = Customer(site.url)
        order = pay(customer, email)
        text = wait_for_status(customer, order, "paid")
        mail = outside.mailbox.wait(email)
        number = str(mail["Subject"]).removeprefix("Your order ")
        assert number in text
        assert number in text_of(mail)
        assert customer.log_in("admin", ADMIN_PASSWORD).status == 200
        assert number in customer.get("/admin/orders/order/").text
        wait_until(lambda: outcomes(site) == recorded(engine), "the outcomes are recorded")
        assert site.stop() == 0
    assert len(outside.gateway.charges()) == before + 1
    assert len(outside.mailbox.to(email)) == 1
    assert "Traceback" not in site.log.read_text()
    assert (engine == "sqlite") == bool(list(site.data.glob("*.sqlite3")))


def outcomes(site: Site) -> list[list[str]]:
    """Return the name and status of each task of the purchase."""
    rows: list[list[str]] = json.loads(site.shell(OUTCOMES))
    return rows


def recorded(engine: str) -> list[list[str]]:
    """Return what must be recorded in the end. In direct mode, only the task that had to run again has a row."""
    charge, mail = ["charge_order", "SUCCESSFUL"], ["send_order_mail", "SUCCESSFUL"]
    return [charge] if "direct" in engine else [charge, mail]
