"""``./shop move``: from SQLite to PostgreSQL while customers write, and back."""

import fcntl
import json
import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.load import Load, writer
from tests.support.postgres import PASSWORD, Postgres
from tests.support.site import Site, copy_bundle
from tests.support.waiting import wait_until

COUNT_NOTES = "from notes.models import Note; print(Note.objects.count())"
VENDOR = "from django.db import connection; print(connection.vendor)"
UNDONE = "from djbundle.tasks.models import TaskRecord; print(TaskRecord.objects.exclude(status='SUCCESSFUL').count())"


@pytest.fixture
def url(postgres: Postgres) -> str:
    """Return the URL of an empty database."""
    name = f"base_{uuid4().hex[:8]}"
    postgres.create_database(name)
    return postgres.url_of(name)


def move(site: Site, *words: str) -> list[dict[str, object]]:
    """Run the command, and return its steps."""
    return [json.loads(line) for line in site.run("move", *words, "--json").stdout.splitlines()]


def state_of(site: Site) -> object:
    return move(site)[0]["state"]


def fill(site: Site, count: int) -> None:
    notes = f"(Note(text=f'old {{n}} \\\\ \\t ü') for n in range({count}))"
    site.shell(f"from notes.models import Note; Note.objects.bulk_create({notes})")


def assert_all_written(site: Site, load: Load, before: int) -> None:
    """Each confirmed task has written its note, once."""
    assert load.failures == []
    wait_until(lambda: site.shell(UNDONE) == "0", "the worker does what was enqueued")
    assert int(site.shell(COUNT_NOTES)) == before + len(load.written)


def test_there_and_back_under_load(new_small: NewSite, url: str, tmp_path: Path) -> None:
    site = new_small()
    with site:
        fill(site, 3000)
        with Load(site, [writer]) as load:
            wait_until(lambda: len(load.written) > 20, "customers write")
            steps = move(site, url)
            count = len(load.written)
            wait_until(lambda: len(load.written) > count + 20, "customers write to PostgreSQL")
        assert steps[-1]["state"] == "moved"
        assert site.shell(VENDOR) == "postgresql"
        assert_all_written(site, load, 3000)
        assert state_of(site) == "moved"
        before = int(site.shell(COUNT_NOTES))
        with Load(site, [writer]) as load:
            wait_until(lambda: len(load.written) > 20, "customers write")
            move(site, "--back")
            count = len(load.written)
            wait_until(lambda: len(load.written) > count + 20, "customers write to SQLite")
        assert site.shell(VENDOR) == "sqlite"
        assert_all_written(site, load, before)
        assert state_of(site) == "here"
    seen = site.log.read_text() + json.dumps(steps)
    assert PASSWORD not in seen
    assert quote(PASSWORD, safe="") not in seen


def test_a_site_that_does_not_serve(new_small: NewSite, url: str) -> None:
    site = new_small()
    site.run("migrate")
    fill(site, 10)
    move(site, url)
    assert (site.shell(VENDOR), site.shell(COUNT_NOTES)) == ("postgresql", "10")
    fill(site, 1)
    move(site, "--back")
    assert (site.shell(VENDOR), site.shell(COUNT_NOTES)) == ("sqlite", "11")
    move(site, url)
    file = Path(str(move(site, "--forget")[-1]["file"]))
    assert "there is no way back any more" in site.run("move", "--back", check=False).stderr
    assert file.parent == site.data / "backups"
    assert not list(site.data.glob("*.sqlite3"))
    assert (site.shell(VENDOR), site.shell(COUNT_NOTES)) == ("postgresql", "11")
    with site:
        assert Customer(site.url).get("/").status == 200


def test_rows_that_postgresql_refuses_are_named_beforehand(new_small: NewSite, url: str) -> None:
    site = new_small()
    site.run("migrate")
    fill(site, 3)
    (file,) = site.data.rglob("*.sqlite3")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE notes_note SET text = ? WHERE id = 1", ["x" * 101])
        connection.execute("UPDATE notes_note SET text = ? WHERE id = 2", ["a\0b"])
        connection.execute("CREATE TABLE stray (id INTEGER PRIMARY KEY)")
    result = site.run("move", url, check=False)
    assert result.returncode == 70
    assert "notes_note 1, text: 101 characters, and 100 fit" in result.stdout
    assert "notes_note 2, text: its value is not of the type varchar: a NUL character" in result.stdout
    assert "stray: no migration makes this table; leave it behind with  --leave stray" in result.stdout
    assert "error: PostgreSQL would refuse 3 of them; nothing has changed" in result.stderr
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE notes_note SET text = 'right'")
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert not any(name.startswith("djbundle_move") for name in names)
    assert move(site, url, "--leave", "stray")[-1]["state"] == "moved"


STEPS = ("migrating", "rehearsing", "rehearsed", "copying", "comparing", "equal", "stopped")


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("victim", ["move", "site", "server"])
def test_a_kill_at_each_step_loses_nothing(
    new_small: NewSite, url: str, postgres: Postgres, step: str, victim: str
) -> None:
    """Whatever is killed, the site is on one side or the other, whole, and the next attempt succeeds."""
    site = new_small()
    with site:
        fill(site, 2000)
        with Load(site, [writer]) as load:
            wait_until(lambda: len(load.written) > 10, "customers write")
            kill_at(site, url, step, victim, postgres)
            wait_until(lambda: len(load.written) > 20, "customers write")
        written = len(load.written)
        if victim == "site":
            site.stop()
            site.__enter__()
        wait_until(lambda: site.shell(UNDONE) == "0", "the worker does what was enqueued", 60)
        assert int(site.shell(COUNT_NOTES)) >= 2000 + written  # a request that the kill has cut off may have enqueued
        if victim == "move":
            assert load.failures == []
        if site.shell(VENDOR) == "sqlite":
            move(site, url)
        assert site.shell(VENDOR) == "postgresql"
        assert int(site.shell(COUNT_NOTES)) >= 2000 + written


def kill_at(site: Site, url: str, step: str, victim: str, postgres: Postgres) -> None:
    """Kill one of the three as soon as the command has reached the step."""
    command = [str(site.bundle), "move", url, "--json", "--data-dir", str(site.data)]
    with subprocess.Popen(command, env=site.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        for line in process.stdout or ():
            if json.loads(line)["state"] != step:
                continue
            if victim == "move":
                process.kill()
            elif victim == "site":
                os.killpg(site.process.pid, signal.SIGKILL)
            else:
                postgres.restart()
            break
        else:
            pytest.fail(f"there was no step {step}")


def test_an_interrupted_move_is_told_and_cleaned_up(new_small: NewSite, url: str, postgres: Postgres) -> None:
    site = new_small()
    site.run("migrate")
    fill(site, 2000)
    kill_at(site, url, "copying", "move", postgres)
    assert state_of(site) == "interrupted"
    move(site, "--abort")
    assert state_of(site) == "here"
    assert move(site, url)[-1]["state"] == "moved"


def test_no_other_version_takes_over_during_a_move(new_small: NewSite) -> None:
    site = new_small()
    with site:
        folder = site.data / "move"
        folder.mkdir(mode=0o700)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            site.process.send_signal(signal.SIGHUP)
            wait_until(
                lambda: "the takeover has failed: the site is being moved" in site.log.read_text(), "it is refused"
            )
            assert state_of(site) == "moving"
        assert Customer(site.url).get("/").status == 200


def test_site_of_another_file_is_refused_before_the_copy(new_small: NewSite, url: str, tmp_path: Path) -> None:
    site = new_small()
    with site:
        other = Site(copy_bundle(site.bundle, tmp_path / "other"), site.data, site.environment)
        result = other.run("move", url, check=False)
        assert (result.returncode, result.stdout) == (55, "")
        assert f"{site.bundle} serves" in result.stderr
        assert "run this command of that file" in result.stderr
        assert "PostgreSQL takes all rows" in other.run("move", url, "--check").stdout


def refused(site: Site, *words: str) -> tuple[str, str]:
    """Return cause and fix of a command that changes nothing."""
    result = site.run("move", *words, check=False)
    assert result.returncode == 70
    cause, fix = result.stderr.splitlines()
    assert site.shell(VENDOR) == "sqlite"
    return cause.removeprefix("error: "), fix.removeprefix("  fix: ")


def test_what_is_refused(new_small: NewSite, postgres: Postgres, url: str) -> None:
    site = new_small()
    site.run("migrate")
    assert refused(site, "mysql://a@b/c")[0] == "this is not a PostgreSQL URL"
    wrong = refused(site, postgres.url_of("small", "wr0ng"))[0]
    assert wrong.startswith("PostgreSQL does not answer")
    assert "password authentication failed" in wrong
    assert "wr0ng" not in wrong
    assert refused(site, "--back")[0] == "the site has not been moved by this command"
    subprocess.run(["psql", "-qc", "CREATE TABLE theirs (id int)", url], check=True)
    assert "the new database is not empty: it has theirs" in refused(site, url)[0]
