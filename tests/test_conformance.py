"""The backend for ``django.tasks`` behaves as Django says: tests/conformance, for each Django and each database.

One of these runs by itself:  .venv/bin/pytest --confcutdir tests/conformance tests/conformance
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ci.mariadb import MariaDB
from ci.postgres import Postgres
from tests.conftest import REPOSITORY
from tests.servers import running
from tests.wheel import make_environment

FOLDER = "tests/conformance"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running(Postgres) as server:
        yield server


@pytest.fixture(scope="module")
def python_with_django52(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It has what djbundle.tasks needs, and nothing else of djbundle."""
    packages = ("django>=5.2,<6", "django-tasks>=0.12", "cronsim", "pytest", "psycopg[binary]")
    return make_environment(tmp_path_factory.mktemp("django52") / "environment", "3.12", *packages) / "python"


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDB]:
    with running(MariaDB) as server:
        yield server


def run_tests(python: Path, **environment: str) -> None:
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--confcutdir", FOLDER, FOLDER]
    result = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("django", ["this", "5.2"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_conformance(request: pytest.FixtureRequest, tmp_path: Path, django: str, database: str) -> None:
    python = Path(sys.executable) if django == "this" else request.getfixturevalue("python_with_django52")
    if database == "sqlite":
        run_tests(python, CONFORMANCE_DATABASE=str(tmp_path / "db.sqlite3"))
    else:
        server: Postgres = request.getfixturevalue("postgres")
        name = f"django{django.replace('.', '')}"
        server.create_database(name)
        run_tests(python, CONFORMANCE_POSTGRES=server.host, CONFORMANCE_DATABASE=name, PGUSER=server.owner)


def test_conformance_on_mariadb(mariadb: MariaDB) -> None:
    mariadb.create_database("conformance")
    names = {"CONFORMANCE_DATABASE": "conformance", "CONFORMANCE_USER": mariadb.owner}
    run_tests(Path(sys.executable), CONFORMANCE_MARIADB=mariadb.socket, **names)


def test_tasks_on_mariadb(mariadb: MariaDB) -> None:
    """What the conformance tests do not reach: limits, workflows, schedules, the commands, the admin."""
    mariadb.create_database("tasks")
    folder = REPOSITORY / "tests" / "tasks"
    names = ("admin", "command", "limits", "schedules", "workflow")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(folder / f"test_{name}.py" for name in names),
    ]
    environment = os.environ | {"TASKS_TEST_MARIADB": mariadb.socket, "TASKS_TEST_USER": mariadb.owner}
    options = ["-k", "not use_an_index and not uses_the_index"]  # plans as SQLite tells them
    result = subprocess.run(
        [*command, *options], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
