"""The backend for ``django.tasks`` behaves as Django says: tests/conformance, for each Django and each database.

One of these runs by itself:  .venv/bin/pytest --confcutdir tests/conformance tests/conformance
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ci.postgres import Postgres
from tests.conftest import REPOSITORY
from tests.wheel import make_environment

FOLDER = "tests/conformance"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    # Not below pytest's own folder, which the server's user may not enter.
    with tempfile.TemporaryDirectory(prefix="djbundle-postgres-") as folder:
        Path(folder).chmod(0o755)
        with Postgres(Path(folder, "server")) as server:
            yield server


@pytest.fixture(scope="module")
def python_with_django52(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It has what djbundle.tasks needs, and nothing else of djbundle."""
    packages = ("django>=5.2,<6", "django-tasks>=0.12", "cronsim", "pytest", "psycopg[binary]")
    return make_environment(tmp_path_factory.mktemp("django52") / "environment", "3.12", *packages) / "python"


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
