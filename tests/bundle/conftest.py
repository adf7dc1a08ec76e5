"""The next version of the small project, for tests of upgrades."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PROJECTS, build
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.servers import running

VIEWS = """
def index(request):
    if os.environ.get("NEXT") == "fails":
        raise ValueError("the new front page is broken")
    return HttpResponse("the new version")
"""
MIGRATION = """
import os, time
from django.db import migrations
def run(apps, _editor):
    apps.get_model("notes", "Note").objects.create(text="migrated")
    time.sleep(1)
    if os.environ.get("NEXT") == "broken migration":
        raise ValueError("this migration is broken")
class Migration(migrations.Migration):
    atomic = False
    dependencies = [("notes", "0002_rewrite")]
    operations = [migrations.RunPython(run, migrations.RunPython.noop)]
    if os.environ.get("NEXT") == "removes a field":
        operations.append(migrations.RemoveField("note", "file"))
"""
PYPROJECT = """
[project]
name = "small"
version = "2"
[tool.djbundle]
signer = "deploy.pub"
include = ["psycopg", "psycopg-binary"]
"""
SETTINGS = """
if os.environ.get("NEXT") == "no settings":
    raise RuntimeError("a setting is missing")
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL that asks for a password, with the database "small"."""
    with running(lambda folder: Postgres(folder, port=free_port())) as server:
        server.set_password()
        server.create_database("small")
        yield server


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the key that signs new versions."""
    return new_key(tmp_path_factory.mktemp("key") / "deploy.pem")


@pytest.fixture(scope="session")
def next_small(bundles: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the next version of the small project, which trusts the key.

    It has a migration, and faults that the variable NEXT switches on.
    """
    project = Path(shutil.copytree(PROJECTS / "small", tmp_path_factory.mktemp("next") / "small"))
    with (project / "notes" / "views.py").open("a") as file:
        file.write(VIEWS.replace("\ndef", "\nimport os\n\ndef", 1))
    with (project / "small" / "settings.py").open("a") as file:
        file.write(SETTINGS)
    (project / "notes" / "migrations" / "0003_next.py").write_text(MIGRATION)
    openssl("pkey", "-in", key, "-pubout", "-out", project / "deploy.pub")
    (project / "pyproject.toml").write_text(PYPROJECT)
    return build(project, bundles / "next" / "small")


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def new_key(file: Path) -> Path:
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file)
    return file
