"""The SQLite of a bundle: only one that is new enough goes in, and only where it is really used."""

import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from djbundle.builder.core.cache import Cache
from djbundle.builder.native import compiler, elf, sqlite
from djbundle.errors import SqliteTooOldError


class OwnSqlite(NamedTuple):
    """The interpreter's own SQLite, and where its module and that of pysqlite3 are. None is built into the program."""

    version: tuple[int, int, int]
    module: Path | None
    replacement: Path

    def find_spec(self, name: str) -> ModuleSpec:
        path = self.module if name == "_sqlite3" else self.replacement
        spec = ModuleSpec(name, None, origin=str(path or "built-in"))
        spec.has_location = path is not None
        return spec


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Make a library that neither has SQLite nor loads it."""
    subprocess.run(["gcc", "-shared", "-xc", "/dev/null", "-o", tmp_path / "plain.so"], check=True)
    return tmp_path / "plain.so"


@pytest.fixture
def linked(plain: Path, tmp_path: Path) -> Path:
    """Make a library that has no SQLite itself and loads that of the system, as some builds of pysqlite3 do."""
    return elf.slim(plain, Cache(tmp_path / "cache"), elf.Linking(with_needs=[sqlite.LIBRARY]))


def use(monkeypatch: pytest.MonkeyPatch, own: OwnSqlite) -> None:
    module = SimpleNamespace(sqlite_version_info=own.version, sqlite_version=".".join(map(str, own.version)))
    monkeypatch.setattr(sqlite, "sqlite3", module)
    monkeypatch.setattr(sqlite, "find_spec", own.find_spec)


def test_a_new_sqlite_is_not_replaced(monkeypatch: pytest.MonkeyPatch, linked: Path) -> None:
    use(monkeypatch, OwnSqlite((3, 51, 3), linked, linked))
    assert sqlite.find_source() == sqlite.Source((3, 51, 3))
    sqlite.check_sqlite(["db.sqlite3"])


def test_what_has_no_sqlite_takes_the_place_of_none(monkeypatch: pytest.MonkeyPatch, linked: Path) -> None:
    use(monkeypatch, OwnSqlite((3, 51, 2), linked, linked))
    assert sqlite.is_replaceable()
    assert sqlite.find_source().library is None
    with pytest.raises(SqliteTooOldError, match=r"SQLite 3\.51\.2 can corrupt"):
        sqlite.check_sqlite(["db.sqlite3"])
    sqlite.check_sqlite([])  # a site with another database needs none


def test_an_old_sqlite_without_pysqlite3(monkeypatch: pytest.MonkeyPatch, linked: Path) -> None:
    """As on aarch64, for which pysqlite3 has no wheels."""
    use(monkeypatch, OwnSqlite((3, 46, 1), linked, linked))
    monkeypatch.setattr(sqlite, "is_replaceable", lambda: True)
    monkeypatch.setattr(sqlite, "find_spec", find_spec)
    for name in [name for name in sys.modules if name.startswith("pysqlite3.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pysqlite3", None)
    with pytest.raises(SqliteTooOldError, match=r"SQLite 3\.46\.1 can corrupt"):
        sqlite.check_sqlite(["db.sqlite3"])


def test_a_hidden_sqlite_is_not_replaced(monkeypatch: pytest.MonkeyPatch, plain: Path, linked: Path) -> None:
    use(monkeypatch, OwnSqlite((3, 50, 4), plain, linked))  # a module that contains its SQLite
    assert not sqlite.is_replaceable()
    use(monkeypatch, OwnSqlite((3, 50, 4), None, linked))  # an interpreter that contains it
    monkeypatch.setattr(compiler, "shared_library", lambda _target: plain)
    assert not sqlite.is_replaceable()
    with pytest.raises(SqliteTooOldError) as error:
        sqlite.check_sqlite(["db.sqlite3"])
    assert error.value.fix == sqlite.NEWER_PYTHON
    monkeypatch.setattr(compiler, "shared_library", lambda _target: linked)
    assert sqlite.is_replaceable()


def test_what_a_bundle_lacks_is_said(monkeypatch: pytest.MonkeyPatch, plain: Path, linked: Path) -> None:
    use(monkeypatch, OwnSqlite((3, 51, 3), linked, linked))
    assert sqlite.note() == ""
    use(monkeypatch, OwnSqlite((3, 51, 3), plain, linked))
    assert sqlite.note() == sqlite.HIDDEN
    use(monkeypatch, OwnSqlite((3, 50, 4), plain, linked))
    assert "SQLite 3.50.4 goes in" in sqlite.note()
