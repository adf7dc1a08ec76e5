"""The launcher: unpacking once and whole, whatever happens; and bundles that are damaged."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.waiting import wait_until


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


def assert_refused(result: subprocess.CompletedProcess[str], code: int, cause: str) -> None:
    """One line of cause, one of the fix, the class's exit code."""
    assert result.returncode == code, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: ")
    assert cause in lines[0]
    assert lines[1].startswith("  fix: ")
    assert result.stdout == ""


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
    """Somebody else could have put code there."""
    tree = tmp_path / "tree"
    tree.mkdir()
    tree.chmod(0o777)
    assert_refused(run(small, tree), 62, str(tree))
    assert list(tree.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_full_disk_leaves_nothing_behind(small: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=700", "tmpfs", disk], check=True)
    try:
        assert_refused(run(small, disk / "tree"), 63, "the disk is full")
        assert list((disk / "tree").iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("kept", [0.999999, 0.9, 0.5, 0.01])
def test_truncated_bundle_is_refused(small: Path, tmp_path: Path, kept: float) -> None:
    """As after a copy that was interrupted."""
    damaged = Path(shutil.copy(small, tmp_path / "damaged"))
    os.truncate(damaged, int(damaged.stat().st_size * kept))
    assert_refused(run(damaged, tmp_path / "tree"), 60, "not whole")
    assert not (tmp_path / "tree").exists() or list((tmp_path / "tree").iterdir()) == []


@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999])
def test_altered_bundle_is_refused(small: Path, tmp_path: Path, place: float) -> None:
    damaged = Path(shutil.copy(small, tmp_path / "damaged"))
    with damaged.open("r+b") as file:
        file.seek(int(damaged.stat().st_size * place))
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    assert_refused(run(damaged, tmp_path / "tree"), 61, "damaged")
    assert not (tmp_path / "tree").exists() or list((tmp_path / "tree").iterdir()) == []
