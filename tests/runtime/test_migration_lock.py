"""One process at a time migrates a database, however many start together."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.mariadb import MariaDB
from tests.support.postgres import Postgres
from tests.support.servers import running
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).parents[2]
# Takes the lock twice, as `serve` and the command `migrate` in it do, and writes when it begins and ends.
PROGRAM = """
import json, os, sys, time
import django
from django.conf import settings
settings.configure(DATABASES={"default": json.loads(sys.argv[1])})
django.setup()
from django.db import connections
from djbundle.runtime.database.migration_lock import migration_lock
journal = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
connection = connections["default"]
with migration_lock(connection), migration_lock(connection):
    os.write(journal, b"begin\\n")
    connection.cursor().execute("SELECT 1")
    time.sleep(float(sys.argv[3]))
    os.write(journal, b"end\\n")
"""
WAITS = "another process migrates the database"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Yield the settings of an empty database."""
    if request.param == "sqlite":
        yield {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3")}
    elif request.param == "postgresql":
        with running(Postgres) as server:
            server.create_database("site")
            engine = {"ENGINE": "django.db.backends.postgresql", "NAME": "site"}
            yield engine | {"HOST": server.host, "USER": server.owner}
    else:
        with running(MariaDB) as server:
            server.create_database("site")
            engine = {"ENGINE": "django.db.backends.mysql", "NAME": "site"}
            yield engine | {"HOST": server.socket, "USER": server.owner}


@pytest.fixture
def start(database: dict[str, Any], tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(seconds: float) -> "subprocess.Popen[str]":
        arguments = [json.dumps(database), str(tmp_path / "journal"), str(seconds)]
        command = [sys.executable, "-c", PROGRAM, *arguments]
        started.append(subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        if process.stderr:
            process.stderr.close()
        process.wait()


def test_one_at_a_time(start: Start, tmp_path: Path) -> None:
    processes = [start(0.3) for _ in range(4)]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    assert (tmp_path / "journal").read_text().split() == ["begin", "end"] * 4
    assert sum(WAITS in each for each in errors) >= 1


def test_lock_ends_with_its_process(start: Start, tmp_path: Path) -> None:
    holder = start(3600)
    journal = tmp_path / "journal"
    wait_until(lambda: journal.exists() and journal.read_text() == "begin\n", "it has the lock")
    waiting = start(0)
    assert waiting.stderr
    assert WAITS in waiting.stderr.readline()
    holder.send_signal(signal.SIGKILL)
    assert waiting.wait(60) == 0
    assert journal.read_text().split() == ["begin", "begin", "end"]
