"""A build leaves no bytecode in a project and its environment, and keeps that of an environment without."""

import os
import py_compile
from pathlib import Path

import pytest

from djbundle.builder.contents.ready_bytecode import ready_bytecode
from djbundle.builder.contents.startup import _names_of
from djbundle.builder.core.cache import BYTECODE, Cache
from djbundle.builder.core.target import this_target
from djbundle.builder.inspection.inspection import Inspection, inspect_project
from djbundle.builder.project import bytecode_cache
from djbundle.builder.project.project import Project, find_project

FILES = {
    "manage.py": 'import django; {"DJANGO_SETTINGS_MODULE": "site_.settings"}',
    "site_/__init__.py": "",
    "site_/settings.py": "ROOT_URLCONF = 'site_.urls'\nSECRET_KEY = 'x'\n",
    "site_/urls.py": "from site_ import views\nurlpatterns = []\n",
    "site_/views.py": "def view(request):\n    return None\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("DJBUNDLE_BUILD_CACHE", str(tmp_path / "cache"))
    for name, text in FILES.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text)
    return find_project(tmp_path / "project", settings=None, name=None)


def inspect(project: Project, work: Path) -> Inspection:
    work.mkdir()
    return inspect_project(project, {}, work)


def cached(tmp_path: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / BYTECODE).rglob("*.pyc")}


def test_environment_without_bytecode(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytecode_cache, "EXAMPLE", ("nothing.py",))
    first = inspect(project, tmp_path / "one")
    written = cached(tmp_path)
    assert {"views", "urls", "settings"} <= {path.name.partition(".")[0] for path in written}
    assert not [*project.root.rglob("__pycache__")]
    second = inspect(project, tmp_path / "two")
    assert cached(tmp_path) == written
    starts = [[*dict.fromkeys(_names_of(project, this_target(), each.opened))] for each in (first, second)]
    names = [[name for name in start if name.endswith(".pyc")] for start in starts]
    assert names[0] == names[1]
    assert names[0].index("site_/settings.pyc") < names[0].index("site_/urls.pyc") < names[0].index("site_/views.pyc")


def test_environment_with_bytecode(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bytecode_cache, "_environment_has_bytecode", lambda: True)
    inspect(project, tmp_path / "work")
    assert not cached(tmp_path)
    assert not [*project.root.rglob("__pycache__")]


def test_bytecode_of_an_import_goes_in(project: Project, tmp_path: Path) -> None:
    source = project.root / "site_" / "views.py"
    beside, kept = map(Path, bytecode_cache.bytecode_files(str(source)))
    assert ready_bytecode(source, source.read_bytes(), "/djb/site_/views.py") is None
    py_compile.compile(str(source), cfile=str(kept))
    assert ready_bytecode(source, source.read_bytes(), "/djb/site_/views.py")
    py_compile.compile(str(source), cfile=str(beside))
    kept.unlink()
    assert ready_bytecode(source, source.read_bytes(), "/djb/site_/views.py")


def test_names_of_bytecode_wherever_it_lies(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    source = str(project.root / "site_" / "views.py")
    monkeypatch.setattr("sys.pycache_prefix", None)
    opened = [source, *bytecode_cache.bytecode_files(source)]
    monkeypatch.setattr("sys.pycache_prefix", "/elsewhere")
    opened += [bytecode_cache.bytecode_files(source)[0], str(project.root / "site_" / "data.csv")]
    assert [*_names_of(project, this_target(), opened)] == ["site_/views.pyc"] * 4 + ["site_/data.csv"]


def test_old_bytecode_is_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    old, new = (tmp_path / BYTECODE / "work" / name / "x.pyc" for name in ("old", "new"))
    for path in (old, new):
        path.parent.mkdir(parents=True)
        path.touch()
    os.utime(old, (0, 0))
    cache.prune()
    assert (old.exists(), new.exists()) == (False, True)
