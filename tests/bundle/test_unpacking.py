"""A bundle that is unpacked because it must be, or for inspection: once and completely, whatever happens."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bundle.processes import assert_refused
from tests.conftest import PROJECTS
from tests.support.disks import mounted_disk
from tests.support.waiting import wait_until


def start(bundle: Path, tree: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [bundle, "version", "--data-dir", tree.parent / "data"],
        env={"DJBUNDLE_EXTRACT": str(tree)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(bundle: Path, tree: Path) -> subprocess.CompletedProcess[str]:
    process = start(bundle, tree)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_many_first_starts_at_once(small: Path, tmp_path: Path) -> None:
    processes = [start(small, tmp_path / "tree") for _ in range(6)]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert "small" in out
    assert len(list((tmp_path / "tree").iterdir())) == 1


@pytest.mark.parametrize("after", [0.05, 0.2, 0.4])
def test_start_that_is_killed_half_way(small: Path, tmp_path: Path, after: float) -> None:
    tree = tmp_path / "tree"
    first = start(small, tree)
    wait_until(lambda: tree.is_dir() and list(tree.iterdir()), "unpacking has begun")
    time.sleep(after)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert run(small, tree).returncode == 0
    assert [path.name.startswith(".partial") for path in tree.iterdir()] == [False]


def test_second_start_writes_nothing(small: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    run(small, tree)
    before = {path: path.lstat().st_mtime_ns for path in tree.rglob("*")}
    assert run(small, tree).returncode == 0
    assert {path: path.lstat().st_mtime_ns for path in tree.rglob("*")} == before


def test_tree_is_private_and_read_only(small: Path, tmp_path: Path) -> None:
    run(small, tmp_path / "tree")
    files = [path for path in (tmp_path / "tree").rglob("*") if path.is_file()]
    assert len(files) > 1000
    assert not any(path.stat().st_mode & 0o277 for path in files)


def test_folder_that_others_may_write_to_is_refused(small: Path, tmp_path: Path) -> None:
    """Another user could have put code there."""
    tree = tmp_path / "tree"
    tree.mkdir()
    tree.chmod(0o777)
    assert_refused(run(small, tree), 62, str(tree))
    assert list(tree.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted_disk(tmp_path / "disk", 20) as disk:
        disk.chmod(0o700)
        yield disk


def test_full_disk_leaves_nothing_behind(small: Path, small_disk: Path) -> None:
    assert_refused(run(small, small_disk / "tree"), 63, "the disk is full")
    assert list((small_disk / "tree").iterdir()) == []


def test_extract_for_people_who_look_inside(small: Path, tmp_path: Path) -> None:
    environment = {"DJBUNDLE_DATA_DIR": str(tmp_path / "data")}
    run_extract: list[str | Path] = [small, "extract", tmp_path / "inside"]
    output = subprocess.run(run_extract, env=environment, capture_output=True, text=True, check=True).stdout
    assert output.endswith(f" bytes in {tmp_path}/inside\n")
    inside = tmp_path / "inside"
    assert (inside / "GREETING.md").read_text() == (PROJECTS / "small" / "GREETING.md").read_text()
    run(small, tmp_path / "tree")
    [tree] = (tmp_path / "tree").iterdir()
    assert contents(inside) == contents(tree)
    assert_refused(
        subprocess.run(run_extract, env=environment, capture_output=True, text=True, check=False), 49, "there"
    )
    assert not (tmp_path / "data").exists()


def contents(folder: Path) -> dict[str, str | bytes | None]:
    """Return by name the target of a link, the bytes of a file, or None for a folder."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in folder.rglob("*")
    }


def test_extract_to_a_full_disk_leaves_nothing_behind(small: Path, tmp_path: Path, small_disk: Path) -> None:
    command: list[str | Path] = [small, "extract", small_disk / "inside"]
    environment = {"DJBUNDLE_DATA_DIR": str(tmp_path / "data")}
    assert_refused(
        subprocess.run(command, env=environment, capture_output=True, text=True, check=False), 49, "No space"
    )
    assert list(small_disk.iterdir()) == []


def test_unpacked_tree_is_as_in_the_file(small: Path, tmp_path: Path) -> None:
    """Settings resolve their ``__file__`` strictly, and only the bundle's libraries are used, from disk too."""
    code = "import ctypes.util, notes.models, pkgutil; print(ctypes.util.find_library('mount'), notes.models.__file__)"
    command: list[str | Path] = [small, "shell", "-v0", "-c", code, "--data-dir", tmp_path / "data"]
    environment = {"DJBUNDLE_EXTRACT": str(tmp_path / "tree")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    library, file = result.stdout.split()
    assert library == "None"
    assert file.startswith(f"{tmp_path}/tree/")
