"""Bundles share the databases of a crawl if their migrations must give the same result."""

from collections.abc import Callable
from pathlib import Path

import pytest

from djbundle import manifest
from djbundle.builder.archive.pack import pack_tree
from djbundle.builder.core.cache import Cache
from djbundle.builder.core.tree import Tree
from djbundle.builder.verify.migrated import MigratedData, pack

Files = dict[str, str]


@pytest.fixture
def key(tmp_path: Path) -> Callable[..., str]:
    """Return a function that computes the key of a tree with these files and variables."""
    cache = Cache(tmp_path / "cache")

    def key(files: Files, environment: Files, settings: str = "shop.settings") -> str:
        tree = Tree(tmp_path)
        for name, text in files.items():
            tree.add_text(name, text, "static" if name.startswith("static/") else "project")
        archive = pack_tree(tree, [], cache, lambda _share: None)
        return MigratedData.of(cache, archive, settings, environment).key

    return key


FILES = {"app/migrations/0001.pyc": "a", "app/data.json": "[]", "static/a.css": "", manifest.FILE_NAME: "2026"}


@pytest.mark.parametrize("name", ["static/a.css", "static/b.css", manifest.FILE_NAME])
def test_static_files_and_the_date_count_for_nothing(key: Callable[..., str], name: str) -> None:
    assert key(FILES | {name: "other"}, {}) == key(FILES, {})


@pytest.mark.parametrize("name", ["app/migrations/0001.pyc", "app/data.json", "app/models.pyc"])
def test_all_else_counts(key: Callable[..., str], name: str) -> None:
    assert key(FILES | {name: "other"}, {}) != key(FILES, {})


def test_name_of_a_file_and_the_environment_count(key: Callable[..., str]) -> None:
    assert (
        len({key({"a": "x"}, {}), key({"b": "x"}, {}), key({"a": "x"}, {"A": "1"}), key({"a": "x"}, {"A": "2"})}) == 4
    )


def test_what_lies_in_folders_comes_back(tmp_path: Path) -> None:
    data, again = tmp_path / "data", tmp_path / "again"
    (data / "media").mkdir(parents=True)
    again.mkdir()
    (data / "media" / "a.png").write_text("picture")
    (data / "secret_key").write_text("s")
    (data / "secret_key").chmod(0o600)
    kept = MigratedData(Cache(tmp_path / "cache"), "0" * 64)
    assert not kept.restore(again)
    pack(data)
    kept.store(data)
    assert kept.restore(again)
    assert (again / "media" / "a.png").read_text() == "picture"
    assert (again / "secret_key").stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in again.iterdir()) == ["media", "secret_key"]


def test_nothing_is_kept_of_migrations_that_failed(tmp_path: Path) -> None:
    kept = MigratedData(Cache(tmp_path / "cache"), "0" * 64)
    kept.store(tmp_path)
    assert not kept.restore(tmp_path)
