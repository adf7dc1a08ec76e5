"""A database that the project ships to be read goes in; one of a site, or one that may be written, does not."""

import contextlib
import json
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.builder.test_check import djbundle

SETTINGS = """\
from pathlib import Path
BASE_DIR = Path(__file__).parent.parent
SECRET_KEY = "given-by-the-operator"
ROOT_URLCONF = "site_.urls"
INSTALLED_APPS = ["django.contrib.contenttypes"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "site.sqlite3"}}
"""
PLACES = """\
import sqlite3
from pathlib import Path
FILE = Path(__file__).parent.parent / "data" / "places.sqlite3"
def find():
    return sqlite3.connect(f"file:{FILE}?mode=ro", uri=True)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "site_").mkdir()
    (tmp_path / "site_" / "settings.py").write_text(SETTINGS)
    (tmp_path / "site_" / "urls.py").write_text("urlpatterns = []\n")
    (tmp_path / "manage.py").write_text('import django; {"DJANGO_SETTINGS_MODULE": "site_.settings"}')
    make(tmp_path / "site.sqlite3", "orders")
    make(tmp_path / "data" / "places.sqlite3", "places")
    make(tmp_path / "data" / "zones.gpkg", "zones")
    make(tmp_path / "data" / "old.sqlite3", "django_migrations")
    make(tmp_path / "data" / "places.sqlite3.bak", "places")
    return tmp_path


def make(file: Path, table: str) -> None:
    file.parent.mkdir(exist_ok=True)
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute(f"CREATE TABLE {table} (name TEXT)")


def track(project: Path) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for command in (("init", "-q"), ("add", "-A"), (*author, "commit", "-qm", "all")):
        subprocess.run(["git", *command], cwd=project, check=True)


def databases_in(project: Path) -> set[str]:
    files = json.loads(djbundle("check", project, "--json").stdout)["files"]
    return {each["path"] for each in files if each["taken"] and not each["path"].endswith(".py")}


def test_one_that_git_tracks_goes_in(project: Path) -> None:
    track(project)
    assert databases_in(project) == {"data/places.sqlite3", "data/zones.gpkg"}


def test_one_that_nobody_tracks_stays_out(project: Path) -> None:
    assert databases_in(project) == set()


def test_one_that_is_opened_to_be_read_goes_in(project: Path) -> None:
    (project / "site_" / "places.py").write_text(PLACES)
    assert databases_in(project) == {"data/places.sqlite3"}


def test_one_that_the_start_opens_to_read_goes_in(project: Path) -> None:
    name = 'BASE_DIR / "data" / "".join(("pla", "ces"))'
    code = f'import sqlite3\nsqlite3.connect(f"file:{{{name}}}.sqlite3?mode=ro", uri=True)\n'
    with (project / "site_" / "settings.py").open("a") as settings:
        settings.write(code)
    assert databases_in(project) == {"data/places.sqlite3"}


def test_one_that_the_start_opens_to_write_stays_out(project: Path) -> None:
    with (project / "site_" / "settings.py").open("a") as settings:
        settings.write('import sqlite3\nsqlite3.connect(BASE_DIR / "data" / "places.sqlite3")\n')
    assert databases_in(project) == set()


def test_database_of_the_settings_that_is_only_read_goes_in(project: Path) -> None:
    settings = project / "site_" / "settings.py"
    settings.write_text(
        SETTINGS
        + "NAME = f\"file:{BASE_DIR / 'data' / 'zones.gpkg'}?mode=ro\"\n"
        + 'DATABASES["zones"] = DATABASES["default"] | {"NAME": NAME, "OPTIONS": {"uri": True}}\n'
    )
    track(project)
    assert {"data/zones.gpkg"} <= databases_in(project)
    assert "site.sqlite3" not in databases_in(project)
