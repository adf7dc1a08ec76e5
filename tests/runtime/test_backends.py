"""Backends are told by what they inherit."""

import sys
from types import ModuleType

import pytest
from django.core.cache.backends.filebased import FileBasedCache
from django.db.backends.sqlite3.base import DatabaseWrapper

from djbundle.common.backends import FILE_CACHE, FILES, SMTP, is_kind_of, is_sqlite


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a library that wraps Django's backends under other names."""
    base, package = ModuleType("wrapping.base"), ModuleType("wrapping")
    base.DatabaseWrapper = type("DatabaseWrapper", (DatabaseWrapper,), {})  # type: ignore[attr-defined]
    package.Cache = type("Cache", (FileBasedCache,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wrapping", package)
    monkeypatch.setitem(sys.modules, "wrapping.base", base)


@pytest.mark.usefixtures("library")
def test_engine_that_wraps_sqlite_is_sqlite() -> None:
    assert is_sqlite("wrapping")


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("django.db.backends.sqlite3", True),
        ("django.contrib.gis.db.backends.spatialite", True),
        ("django.db.backends.postgresql", False),
        ("no.such.engine", False),
        ("no.such.sqlite3", True),
        ("", False),
    ],
)
def test_engines(engine: str, *, expected: bool) -> None:
    assert is_sqlite(engine) is expected


@pytest.mark.usefixtures("library")
def test_backends_by_their_class() -> None:
    assert is_kind_of("wrapping.Cache", FILE_CACHE)
    assert is_kind_of("django.core.files.storage.filesystem.FileSystemStorage", FILES)
    assert not is_kind_of("no.such.FileBasedCache", FILE_CACHE)
    assert not is_kind_of("django.core.mail.backends.filebased.EmailBackend", SMTP), "all of Django's have this name"
    assert not is_kind_of("wrapping.Cache", FILES)
    assert not is_kind_of("django.core.cache.backends.locmem.LocMemCache", FILE_CACHE)
    assert not is_kind_of("no.such.Cache", FILE_CACHE)
