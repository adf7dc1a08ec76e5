"""``serve`` prepares a database before it serves, and leaves others alone."""

import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.postgres import Postgres, temporary_postgres
from tests.support.site import Site
from tests.support.waiting import wait_until

LACKING = re.compile(r'the database \\"default\\" lacks \d+ migrations')
FIRST_NOTE = "from notes.models import Note; Note.objects.create(text='first')"


def prepare(site: Site) -> None:
    """Prepare a database with one note, and with one migration still to apply."""
    site.run("migrate", "notes", "0001")
    site.run("shell", "-v0", "-c", FIRST_NOTE)


def notes(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM notes_note")]


def applied(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM django_migrations WHERE app = 'notes'")]


def test_fresh_database_is_made(new_small: NewSite) -> None:
    with new_small() as site:
        assert Customer(site.url).get("/").status == 200
        assert not (site.data / "backups").exists()


def test_pending_migrations_are_applied_after_a_backup(new_small: NewSite) -> None:
    site = new_small()
    prepare(site)
    with site:
        assert "rewritten" in Customer(site.url).get("/").text
    [backup] = (site.data / "backups").iterdir()
    assert notes(backup) == ["first"]
    assert applied(backup) == ["0001_initial"]
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_no_backup_without_migrations(new_small: NewSite) -> None:
    site = new_small()
    site.run("migrate")
    with site:
        assert not (site.data / "backups").exists()


def test_few_backups_are_kept(new_small: NewSite) -> None:
    site = new_small()
    for _ in range(7):
        site.run("migrate", "notes", "0001")
        with site:
            pass
    assert len(list((site.data / "backups").iterdir())) == 5


def test_failed_migration_puts_the_database_back(new_small: NewSite) -> None:
    site = new_small(SMALL_BROKEN_MIGRATION="1")
    prepare(site)
    result = site.run("serve", "--bind", "127.0.0.1:0", check=False)
    assert result.returncode == 47
    assert result.stderr.splitlines()[-2:] == [
        "error: the migration notes.0002_rewrite failed (ValueError: this migration is broken); "
        "the database is as it was before",
        "  fix: correct the migration, or start the previous bundle",
    ]
    assert notes(site.data / "db.sqlite3") == ["first"]
    assert applied(site.data / "db.sqlite3") == ["0001_initial"]


def test_failed_first_migration_leaves_no_database(new_small: NewSite) -> None:
    site = new_small(SMALL_BROKEN_MIGRATION="1")
    result = site.run("serve", "--bind", "127.0.0.1:0", check=False)
    assert result.returncode == 47
    assert list(site.data.glob("db.sqlite3*")) == []


def test_no_migrate_leaves_the_database_as_it_is(new_small: NewSite) -> None:
    site = new_small("--no-migrate")
    prepare(site)
    with site:
        assert "first" in Customer(site.url).get("/").text
        assert LACKING.search(site.log.read_text())
    assert applied(site.data / "db.sqlite3") == ["0001_initial"]


def test_sqlite_is_safe_and_fast(new_small: NewSite) -> None:
    site = new_small()
    site.run("migrate")
    code = (
        "from django.db import connection as c; k = c.cursor();"
        "print([k.execute(f'PRAGMA {name}').fetchone()[0] for name in ('journal_mode', 'synchronous', 'foreign_keys')],"
        " c.transaction_mode)"
    )
    assert site.shell(code) == "['wal', 2, 1] IMMEDIATE"


@pytest.mark.parametrize("name", ["control.sock", "incoming"])
def test_name_of_the_site_that_something_else_has(new_small: NewSite, name: str) -> None:
    """A folder in the place of the socket, or a file in the place of the folder, ends the start in two lines."""
    site = new_small()
    site.run("migrate")
    path = site.data / name
    path.mkdir() if name == "control.sock" else path.write_text("mine")
    result = site.run("serve", "--bind", "127.0.0.1:0", check=False)
    assert result.returncode == 42
    assert result.stderr.splitlines()[-2:] == [
        f"error: the site cannot make {path}: {'Is a directory' if path.is_dir() else 'File exists'}",
        "  fix: move away what lies there, and see who owns it",
    ]
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_data_directory_that_cannot_be_made(new_small: NewSite, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("")
    site = new_small()
    site.data = tmp_path / "file" / "data"
    result = site.run(command, check=False)
    assert result.returncode == 42
    assert result.stderr.splitlines() == [
        f"error: cannot write to the data directory {site.data}: Not a directory",
        "  fix: choose another:  --data-dir DIR  or  DJBUNDLE_DATA_DIR=DIR",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_data_directory_of_another_user(small: Path, command: str) -> None:
    """Run as "nobody", in a folder of root's."""
    folder = Path("/var/tmp") / f"djbundle-test-{os.getpid()}"
    (folder / "data").mkdir(parents=True)
    try:
        copy = folder / "small"
        copy.write_bytes(small.read_bytes())
        copy.chmod(0o755)
        result = subprocess.run(
            [copy, command, "--data-dir", folder / "data"],
            env={},
            user=65534,
            group=65534,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 42
        assert f"cannot write to the data directory {folder / 'data'}" in result.stderr
        assert list((folder / "data").iterdir()) == []
    finally:
        subprocess.run(["rm", "-r", folder], check=True)


def test_missing_python_is_no_obstacle(new_small: NewSite) -> None:
    """A bundle has its own interpreter."""
    code = "import sys; print(sys.executable, sys.prefix)"
    output = new_small().run("shell", "-v0", "-c", code).stdout
    assert sys.prefix not in output
    assert sys.base_prefix not in output


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with temporary_postgres() as server:
        server.create_database("small")
        yield server


def test_postgres_is_migrated_by_serve(new_small: NewSite, postgres: Postgres) -> None:
    """It has no backup of ours. ``--no-migrate`` leaves it to an administrator."""
    variables = {"SMALL_POSTGRES": postgres.host, "PGUSER": postgres.owner}
    with new_small("--no-migrate", **variables) as site:
        assert LACKING.search(site.log.read_text())
    with new_small(**variables) as site:
        assert re.search(r'applying \d+ migrations to the database \\"default\\"', site.log.read_text())
        Customer(site.url).get("/write/?text=in-postgres")
        wait_until(lambda: "in-postgres" in Customer(site.url).get("/").text, "the worker writes the note")
    assert not (site.data / "db.sqlite3").exists()
    assert not (site.data / "backups").exists()


def test_database_that_does_not_answer(new_small: NewSite, tmp_path: Path) -> None:
    site = new_small(SMALL_POSTGRES=str(tmp_path), PGUSER="nobody")
    refused = site.run("serve", "--bind", "127.0.0.1:0", check=False)
    assert refused.returncode == 48
    cause, fix = refused.stderr.splitlines()
    assert 'the database "default" does not answer' in cause
    assert "DATABASES" in fix


def test_transaction_of_a_thread_that_has_ended_holds_no_locks(new_small: NewSite) -> None:
    """With SQLite, no request and no task could write."""
    with new_small("--workers", "1") as site:
        customer = Customer(site.url)
        assert customer.get("/leave_transaction/").status == 200
        assert customer.get("/write/?text=kept").status == 200
        wait_until(lambda: notes(site.data / "db.sqlite3") == ["kept"], "the task has written")
        assert "a thread has ended in a transaction" in site.log.read_text()
