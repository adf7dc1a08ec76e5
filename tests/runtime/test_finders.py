"""A module is found by the first folder of sys.path that has it, in the tree or elsewhere."""

import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import SimpleNamespace

import pytest

from djbundle.runtime.start import finders
from djbundle.runtime.start.finders import CompiledFinder, FolderFinder, folders_before_root, search

ROOT = "/tree"
TREE = {f"{ROOT}/both", f"{ROOT}/sub/both", f"{ROOT}/rooted", f"{ROOT}/package/inner"}


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finders, "ROOT", ROOT)


@pytest.fixture
def disk(tmp_path: Path) -> str:
    """Return a folder on disk with two modules, and a folder without code."""
    for name in ("both", "on_disk"):
        (tmp_path / f"{name}.py").write_text("")
    (tmp_path / "rooted").mkdir()
    return str(tmp_path)


def find_in_tree(folder: str, name: str) -> ModuleSpec | None:
    path = f"{folder}/{name.rpartition('.')[2]}"
    return ModuleSpec(name, SourceFileLoader(name, path), origin=path) if path in TREE else None


def found(name: str, *folders: object) -> str | None:
    spec = search(name, folders, find_in_tree)
    return spec.origin if spec else None


def test_the_order_of_the_path_decides(disk: str) -> None:
    assert found("both", ROOT, disk) == f"{ROOT}/both"
    assert found("both", disk, ROOT) == f"{disk}/both.py"
    assert found("both", f"{ROOT}/sub", ROOT) == f"{ROOT}/sub/both"
    assert found("on_disk", ROOT, disk) == f"{disk}/on_disk.py"
    assert found("nowhere", ROOT, disk) is None


def test_a_folder_without_code_is_no_package(disk: str) -> None:
    assert found("rooted", disk, ROOT) == f"{ROOT}/rooted"


def test_the_working_folder_does_not_come_before_the_bundle(disk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(disk)
    assert found("both", "", ROOT) == f"{ROOT}/both"


def test_what_is_no_text_is_no_folder(disk: str) -> None:
    assert found("both", Path(disk), b"/", ROOT) == f"{ROOT}/both"


def test_a_module_of_a_package(disk: str) -> None:
    assert found("package.inner", f"{ROOT}/package", disk) == f"{ROOT}/package/inner"


def test_a_compiled_module_waits_for_what_comes_first(disk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        @staticmethod
        def find_spec(name: str, path: list[str]) -> ModuleSpec | None:
            return search(name, path, find_in_tree)

    monkeypatch.setattr(CompiledFinder, "modules", {"both": False, "rooted": True, "both.inner": False}, raising=False)
    monkeypatch.setattr(CompiledFinder, "tree_finder", Finder)
    for path, has_both in (([ROOT, disk], True), ([disk, ROOT], False), (["", ROOT], True)):
        monkeypatch.setattr(sys, "path", path)
        assert (CompiledFinder.has("both"), CompiledFinder.has("rooted")) == (has_both, True)
        assert CompiledFinder.has("both.inner")
        assert not CompiledFinder.has("on_disk")


def test_a_compiled_module_is_gone_with_the_project_s_folder(disk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CompiledFinder, "modules", {"rooted": True, "rooted.inner": False}, raising=False)
    monkeypatch.setattr(CompiledFinder, "tree_finder", None)
    monkeypatch.setattr(sys, "path", [disk])
    assert not CompiledFinder.has("rooted")
    assert CompiledFinder.has("rooted.inner")


def test_packages_stay_without_the_project_s_folder(disk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = SimpleNamespace(
        find=lambda folder, name: (0, f"{folder}/{name}.pyc", False) if f"{folder}/{name}" in TREE else None, load=None
    )
    finder = finders.archive_finder(archive)
    monkeypatch.setattr(FolderFinder, "of_project", frozenset({"rooted"}))
    for path, origins in (
        ([ROOT, disk], [f"{ROOT}/both.pyc", f"{ROOT}/rooted.pyc"]),
        ([f"{ROOT}/", disk], [f"{ROOT}/both.pyc", f"{ROOT}/rooted.pyc"]),
        (["/nowhere"], [f"{ROOT}/both.pyc", None]),
    ):
        monkeypatch.setattr(sys, "path", path)
        specs = [finder.find_spec(name) for name in ("both", "rooted")]
        assert [spec and spec.origin for spec in specs] == origins


def test_folders_behind_the_root_do_not_come_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", "/a", ROOT, "/b"])
    assert [*folders_before_root()] == ["/a"]
