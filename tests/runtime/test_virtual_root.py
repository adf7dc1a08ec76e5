"""Copies for other programs are removed when they are old, and programs of packages are found."""

import os
import shutil
import time
from pathlib import Path

import pytest

from djbundle.contract.layout import COPIES
from djbundle.runtime.core.virtual_root import DAY, remove_old_copies, show_programs


def test_old_copies_are_removed(tmp_path: Path) -> None:
    remove_old_copies(tmp_path)  # there are none
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    for name, age in (("old", 2 * DAY), ("new", DAY / 2)):
        folder = tmp_path / COPIES / name
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").touch(0o400)
        (folder / "link").symlink_to(outside)
        os.utime(folder, (time.time() - age,) * 2)
    remove_old_copies(tmp_path)
    assert [path.name for path in (tmp_path / COPIES).iterdir()] == ["new"]
    assert (outside / "kept").exists()


def test_a_link_in_the_place_of_copies_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other" / "old"
    other.mkdir(parents=True)
    os.utime(other, (time.time() - 2 * DAY,) * 2)
    (tmp_path / COPIES).symlink_to(other.parent)
    remove_old_copies(tmp_path)
    assert other.exists()


def test_programs_of_packages_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "sh"
    monkeypatch.setenv("PATH", os.defpath)
    show_programs(program.parent)
    assert os.environ["PATH"] == os.defpath
    program.parent.mkdir()
    program.touch(0o755)
    for _ in range(2):
        show_programs(program.parent)
        assert os.environ["PATH"] == f"{program.parent}:{os.defpath}"
    assert shutil.which("sh") == str(program)
    monkeypatch.delenv("PATH")
    show_programs(program.parent)
    assert os.environ["PATH"] == f"{program.parent}:{os.defpath}"
