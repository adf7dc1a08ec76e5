"""Which folders list the project's files: those that hold nothing else."""

from pathlib import Path

import pytest

from djbundle.contract.variables import LISTED_FOLDER
from djbundle.runtime.core.listed_folder import holds_only, is_listed

NAMES = ("shop", "manage.py")


@pytest.mark.parametrize(
    ("files", "data", "is_alone"),
    [
        ((), "", True),
        (("shop", "manage.py"), "", True),
        (("shop", "other"), "", False),
        (("var",), "{}/var/data", True),
        (("var", "other"), "{}/var/data", False),
        (("var",), "{}/variable", False),
    ],
)
def test_folder_that_holds_nothing_else(tmp_path: Path, files: tuple[str, ...], data: str, is_alone: bool) -> None:
    for each in files:
        (tmp_path / each).touch()
    assert holds_only(str(tmp_path), NAMES, data.format(tmp_path)) is is_alone


def test_child_goes_by_what_its_parent_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty := tmp_path / "empty").mkdir()
    (other := tmp_path / "other").mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setenv(LISTED_FOLDER, "")
    assert not is_listed(NAMES, "")
    monkeypatch.delenv(LISTED_FOLDER)
    assert is_listed(NAMES, "")
    (empty / "new").touch()
    assert is_listed(NAMES, "")
    monkeypatch.chdir(other)
    assert not is_listed(NAMES, "")


def test_start_in_a_folder_with_other_files_is_decided_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(LISTED_FOLDER, raising=False)
    assert not is_listed(NAMES, "")
    monkeypatch.chdir("empty")
    assert not is_listed(NAMES, "")


def test_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    monkeypatch.delenv(LISTED_FOLDER, raising=False)
    (tmp_path / "gone").rmdir()
    assert not is_listed(NAMES, "")
