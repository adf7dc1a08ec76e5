"""Files that settings create beside themselves go to the data directory, and the next start finds them there."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.settings.import_redirect import redirected


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    manifest: Any = SimpleNamespace(name="shop")
    (tmp_path / "tree" / "shop").mkdir(parents=True)
    (tmp_path / "tree" / "shop" / "version.txt").write_text("1.0")
    return Bundle(tmp_path / "tree", manifest, "./shop", tmp_path / "data")


def content_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def make_folders(root: Path) -> None:
    """Create folders in the usual ways."""
    for _ in range(2):  # at each start
        (root / "logs").mkdir(exist_ok=True)
        (root / "var" / "cache").mkdir(parents=True, exist_ok=True)
        os.makedirs(root / "media" / "a", exist_ok=True)  # noqa: PTH103 - one of the ways
        if not os.path.exists(f"{root}/index"):  # noqa: PTH110
            os.mkdir(f"{root}/index")  # noqa: PTH102


def keep_key(root: Path) -> str:
    """Create a secret key file if it is missing, as many projects do."""
    file = root / "shop" / "secret.txt"
    if not file.exists():
        new = file.with_name("new.txt")
        new.write_text("made once")
        new.chmod(0o600)
        os.link(new, file)
        new.unlink()
        file.rename(new)
        new.replace(file)
    with open(f"{root}/shop/secret.txt") as opened:  # noqa: PTH123 - as above
        return opened.read()


def test_folders_are_made_in_the_data_directory(bundle: Bundle, tmp_path: Path) -> None:
    with redirected(bundle, is_dry=False):
        make_folders(bundle.root)
        (tmp_path / "elsewhere").mkdir()
        with pytest.raises(FileExistsError):
            (tmp_path / "elsewhere").mkdir()
    assert content_of(bundle.data) == {"logs", "var", "var/cache", "media", "media/a", "index"}
    assert content_of(bundle.root) == {"shop", "shop/version.txt"}
    assert bundle.data.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("is_dry", [True, False])
def test_file_is_written_there_once(bundle: Bundle, is_dry: bool) -> None:
    with redirected(bundle, is_dry=is_dry):
        assert keep_key(bundle.root) == "made once"
    (bundle.data / "shop" / "secret.txt").write_text("as it was")
    with redirected(bundle, is_dry=is_dry):
        assert keep_key(bundle.root) == "as it was"
        assert (bundle.root / "shop" / "version.txt").read_text() == "1.0"
    assert (bundle.data / "shop" / "secret.txt").stat().st_mode & 0o777 == 0o600
    assert content_of(bundle.root) == {"shop", "shop/version.txt"}


def test_relative_paths_are_meant_from_the_folder_of_the_project(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("own.env").write_text("A=1")
    with redirected(bundle, is_dry=False):
        assert Path("shop/version.txt").read_text() == "1.0"
        assert Path("own.env").read_text() == "A=1"
        Path("logs").mkdir()
        Path("logs/a.log").write_text("a")
        with pytest.raises(FileNotFoundError):
            Path("absent").read_text()
    assert content_of(bundle.data) == {"logs", "logs/a.log"}
    assert content_of(tmp_path / "here") == {"own.env"}


def test_what_is_nowhere_is_missed(bundle: Bundle) -> None:
    with redirected(bundle, is_dry=False), pytest.raises(FileNotFoundError):
        (bundle.root / "absent.json").read_text()
    assert not bundle.data.exists()


def test_a_command_that_only_reads_makes_no_folder(bundle: Bundle) -> None:
    with redirected(bundle, is_dry=True):
        make_folders(bundle.root)
    assert not bundle.data.exists()


def test_afterwards_nothing_is_redirected(bundle: Bundle) -> None:
    before = os.mkdir, os.stat, os.open, open
    with pytest.raises(ZeroDivisionError), redirected(bundle, is_dry=False):
        raise ZeroDivisionError
    assert (os.mkdir, os.stat, os.open, open) == before
