"""Machine ties are found with file and line: in the settings of a project, and in its code."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from djbundle.builder.machine_ties import with_driver
from djbundle.common.machine_ties import ties_in
from tests.builder.test_check import djbundle

SETTINGS = """\
from pathlib import Path
BASE_DIR = Path(__file__).parent.parent
SECRET_KEY = "given-by-the-operator"
ROOT_URLCONF = "site_.urls"
INSTALLED_APPS = ["django.contrib.contenttypes"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop"}}
DATABASES["archive"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "archive.sqlite3"}
EXPORTS_DIR = "/srv/exports"
"""
VIEWS = """\
import sqlite3
from pathlib import Path
from django.conf import settings
from django.core.files.storage import FileSystemStorage

class Private(FileSystemStorage):
    pass

private = FileSystemStorage(location="/srv/private")
open(f"{settings.EXPORTS_DIR}/a.csv", "w")
Path(settings.EXPORTS_DIR, "a.csv").write_text("a")
sqlite3.connect("counts.db")
open(settings.EXPORTS_DIR + "/a.csv")
settings.ROOT_URLCONF.replace("a", "b")
(settings.BASE_DIR / "a.csv").write_text("a")
"""
CODE = {6: "is a storage", 9: "keeps files", 10: "writes a file", 11: "writes a file", 12: "opens a file of sqlite3"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "site_").mkdir()
    (tmp_path / "site_" / "settings.py").write_text(SETTINGS)
    (tmp_path / "site_" / "urls.py").write_text("urlpatterns = []\n")
    (tmp_path / "site_" / "views.py").write_text(VIEWS)
    (tmp_path / "site_" / "tests.py").write_text("import sqlite3\nsqlite3.connect('a')\n")
    (tmp_path / "manage.py").write_text('import django; {"DJANGO_SETTINGS_MODULE": "site_.settings"}')
    return tmp_path


def test_check_tells_line_by_line(project: Path) -> None:
    ties = json.loads(djbundle("check", project, "--json").stdout)["machine_ties"]
    assert [(each["place"], each["cause"], each["fix"]) for each in ties[:3]] == [
        (
            "site_/settings.py:7",
            'the database "archive" is a file of SQLite',
            "set DATABASE_URL_ARCHIVE=postgres://...",
        ),
        ("site_/settings.py", 'the cache "default" is in the memory of each process', "set CACHE_URL=redis://..."),
        (
            "site_/settings.py",
            'uploads of the storage "default" are files',
            'pip install "djbundle[s3]" in the project, build, and set MEDIA_URL=s3://...',
        ),
    ]
    code = {int(each["place"].removeprefix("site_/views.py:")): each["cause"] for each in ties[3:]}
    assert code.keys() == CODE.keys()
    assert all(code[line].startswith(cause) for line, cause in CODE.items())


def test_what_a_variable_needs_is_installed_first() -> None:
    fix = "set DATABASE_URL=postgres://..."
    assert with_driver("DATABASES", fix, {"django", "psycopg"}) == fix
    assert (
        with_driver("DATABASES", fix, {"django"})
        == f'pip install "djbundle[postgres]" in the project, build, and {fix}'
    )
    assert with_driver("LOGGING", "log to standard error", set()) == "log to standard error"


def test_ties_are_no_faults(project: Path) -> None:
    (project / "site_" / "views.py").write_text("")
    result = djbundle("check", project)
    assert result.returncode == 0, result.stderr
    assert "ties it to one machine" in result.stderr


def settings_of(**values: Any) -> SimpleNamespace:
    """Return settings that tie a site to no machine, with these changes."""
    redis = {"BACKEND": "django.core.cache.backends.redis.RedisCache"}
    free: dict[str, Any] = {
        "DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql"}},
        "CACHES": {"default": redis},
        "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
        "SESSION_CACHE_ALIAS": "default",
        "STORAGES": {
            "default": {"BACKEND": "storages.backends.s3.S3Storage"},
            "staticfiles": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        },
        "LOGGING": {},
    }
    return SimpleNamespace(**free | values)


LOCAL = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
FILES = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache"}}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"DATABASES": {"default": {"ENGINE": "django.contrib.gis.db.backends.spatialite"}}}, ["DATABASES"]),
        ({"CACHES": LOCAL}, ["CACHES", "SESSION_ENGINE"]),
        ({"CACHES": FILES, "SESSION_ENGINE": "django.contrib.sessions.backends.db"}, ["CACHES"]),
        ({"SESSION_ENGINE": "django.contrib.sessions.backends.file"}, ["SESSION_ENGINE"]),
        ({"STORAGES": {"private": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}}, ["STORAGES"]),
        ({"CHANNEL_LAYERS": {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}}, ["CHANNEL_LAYERS"]),
        ({"LOGGING": {"handlers": {"file": {"filename": "a.log"}}}}, ["LOGGING"]),
    ],
)
def test_settings_that_tie(values: dict[str, Any], expected: list[str]) -> None:
    assert [tie.setting for tie in ties_in(settings_of(**values), is_key_local=False)] == expected


def test_key_of_one_machine() -> None:
    [tie] = ties_in(settings_of(), is_key_local=True)
    assert (tie.setting, tie.fix) == ("SECRET_KEY", "set SECRET_KEY to the same value on all machines")
