"""The next container starts before the last one stops, on the same volume, as Kamal and ONCE do it."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.bundle.test_databases import applied, notes, prepare
from tests.support.customer import Customer
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

REFUSED = "it was tried on a copy, and nothing has changed"


class Container(Site):
    """A site whose first process is process 1 of a PID namespace, as in a container."""

    def command(self) -> list[str]:
        return ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *super().command()]

    def stop(self) -> int:
        """Terminate the first process of the namespace, since unshare itself ignores signals."""
        if self.process.poll() is None:
            for first in psutil.Process(self.process.pid).children():
                first.terminate()
        return self.process.wait(60)


@pytest.fixture
def container(small: Path, tmp_path: Path) -> Callable[..., Container]:
    def make(name: str, *options: str, **environment: str) -> Container:
        site = Container(small, tmp_path / "data", bare_environment(**environment), *options)
        site.log = tmp_path / f"{name}.log"
        return site

    return make


def write(site: Site, text: str) -> None:
    Customer(site.url).get(f"/write/?text={text}")


def test_both_serve_until_the_first_has_left(container: Callable[..., Container]) -> None:
    first, second = container("first"), container("second")
    with first, second:
        assert "serves beside it until that one has drained" in second.log.read_text()
        for site in (first, second):
            write(site, f"from-{site.log.stem}")
        wait_until(lambda: len(notes(first.data / "db.sqlite3")) == 2, "both have a worker")
        assert second.status()["urls"] == [f"{first.url}/"]
        first.stop()
        wait_until(lambda: "the other instance has ended" in second.log.read_text(), "it notices")
        assert second.status()["urls"] == [f"{second.url}/"]
        write(second, "alone")
        wait_until(lambda: len(notes(first.data / "db.sqlite3")) == 3, "it goes on")
        assert refused_beside(second)


def refused_beside(site: Site) -> bool:
    """Check that outside of a container a second instance is refused, as before."""
    return site.run("serve", "--bind", "127.0.0.1:0", check=False).returncode == 44


def test_migrations_are_applied_beside(container: Callable[..., Container]) -> None:
    first = container("first", "--no-migrate")
    prepare(first)
    first.run("migrate", "djbundle_tasks")
    with first:
        with container("second") as second:
            assert "which another instance uses" in second.log.read_text()
            assert notes(first.data / "db.sqlite3") == ["rewritten"]
            write(first, "goes-on")
            wait_until(lambda: "goes-on" in notes(first.data / "db.sqlite3"), "the first one goes on")
        assert len(list((first.data / "backups").iterdir())) == 1
        assert list(first.data.glob("rehearsal*")) == []


def test_migration_that_fails_changes_nothing(container: Callable[..., Container]) -> None:
    """What the first instance has written meanwhile is still there."""
    first, second = container("first", "--no-migrate"), container("second", SMALL_BROKEN_MIGRATION="1")
    prepare(first)
    first.run("migrate", "djbundle_tasks")
    with first:
        process = second.start()
        assert process.wait(60) == 47
        assert REFUSED in second.log.read_text()
        assert notes(first.data / "db.sqlite3") == ["first"]
        assert applied(first.data / "db.sqlite3") == ["0001_initial"]
        assert list(first.data.glob("rehearsal*")) == []
        assert Customer(first.url).get("/").status == 200
