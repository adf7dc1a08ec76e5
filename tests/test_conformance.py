"""The backend for ``django.tasks`` behaves as Django specifies: tests/conformance with each Django and database.

One combination runs alone by:  .venv/bin/pytest --confcutdir tests/conformance tests/conformance
"""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import django as django_of_this
import pytest

from tests.conformance.djangos.differences import DIFFERENCES
from tests.conftest import REPOSITORY
from tests.support.mariadb import MariaDB
from tests.support.postgres import Postgres
from tests.support.servers import running
from tests.support.wheel import UV, make_environment, run

FOLDER = "tests/conformance"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running(Postgres) as server:
        yield server


@pytest.fixture(scope="module")
def python_with_django52(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment that has what djbundle.tasks needs, and nothing else that djbundle needs."""
    packages = ("django>=5.2,<6", "django-tasks>=0.12", "cronsim", "pytest", "psycopg[binary]")
    return make_environment(tmp_path_factory.mktemp("django52") / "environment", "3.12", *packages) / "python"


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDB]:
    with running(MariaDB) as server:
        yield server


def run_tests(python: Path, **environment: str) -> None:
    command: list[str | Path] = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--confcutdir", FOLDER, FOLDER]
    result = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("database", "django"),
    [
        *[("sqlite", "this"), ("postgresql", "this"), ("sqlite", "5.2")],
        pytest.param("postgresql", "5.2", marks=pytest.mark.slow),
    ],
)
def test_conformance(request: pytest.FixtureRequest, tmp_path: Path, django: str, database: str) -> None:
    python = Path(sys.executable) if django == "this" else request.getfixturevalue("python_with_django52")
    if database == "sqlite":
        run_tests(python, CONFORMANCE_DATABASE=str(tmp_path / "db.sqlite3"))
    else:
        server: Postgres = request.getfixturevalue("postgres")
        name = f"django{django.replace('.', '')}"
        server.create_database(name)
        run_tests(python, CONFORMANCE_POSTGRES=server.host, CONFORMANCE_DATABASE=name, PGUSER=server.owner)


@pytest.fixture(scope="module")
def tests_of_django(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the tests folder from the source archive of this environment's Django: its wheel has no tests."""
    folder = tmp_path_factory.mktemp("source")
    pip = [UV, "tool", "run", "--python", sys.executable, "pip"]
    django = f"django=={django_of_this.__version__}"
    run(*pip, "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder, django)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        members = [each for each in files.getmembers() if each.name.split("/")[1:3] == ["tests", "tasks"]]
        files.extractall(folder, members, filter="data")
    return next(folder.glob("*/tests"))


@pytest.mark.skipif(django_of_this.VERSION < (6, 1), reason="the table of differences is that of Django 6.1")
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_djangos_own_tests(
    request: pytest.FixtureRequest, tmp_path: Path, tests_of_django: Path, database: str
) -> None:
    environment = {"CONFORMANCE_DATABASE": str(tmp_path / "db.sqlite3")}
    if database == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        server.create_database("djangos")
        names = {"CONFORMANCE_DATABASE": "djangos", "PGUSER": server.owner}
        environment = {"CONFORMANCE_POSTGRES": server.host, **names}
    command = [sys.executable, "-m", "tests.conformance.djangos", str(tests_of_django)]
    result = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | environment, capture_output=True, text=True, check=True, timeout=300
    )
    ends: dict[str, str] = json.loads(result.stdout)
    assert len(ends) >= 80
    assert {name for name, end in ends.items() if end != "passed"} == set(DIFFERENCES), result.stderr


def test_conformance_on_mariadb(mariadb: MariaDB) -> None:
    mariadb.create_database("conformance")
    names = {"CONFORMANCE_DATABASE": "conformance", "CONFORMANCE_USER": mariadb.owner}
    run_tests(Path(sys.executable), CONFORMANCE_MARIADB=mariadb.socket, **names)


def test_tasks_on_mariadb(mariadb: MariaDB) -> None:
    """Limits, workflows, schedules, the commands and the admin work too: the conformance tests do not cover them."""
    mariadb.create_database("tasks")
    folder = REPOSITORY / "tests" / "tasks"
    names = ("admin", "command", "limits", "schedules", "workflow")
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(folder / f"test_{name}.py" for name in names),
    ]
    environment = os.environ | {"TASKS_TEST_MARIADB": mariadb.socket, "TASKS_TEST_USER": mariadb.owner}
    options: list[str | Path] = ["-k", "not use_an_index and not uses_the_index"]  # query plans in SQLite's format
    result = subprocess.run(
        [*command, *options], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
