"""A bundle with every unusual kind of file, and the same tree on a read-only disk."""

import os
import shutil
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import PROJECTS, build

RunPython = Callable[..., subprocess.CompletedProcess[str]]
LONG = "n" * 255
VIRTUAL = "/djb"


def fill(folder: Path) -> None:
    """Create files of all kinds, links of all kinds, and names of all kinds."""
    (folder / "folder" / "inner").mkdir(parents=True)
    (folder / "ünïcode").mkdir()
    for name in ("file.txt", "folder/inner/deep.txt", "folder/up.txt", "ünïcode/ß.txt", "with space", ".hidden", LONG):
        (folder / name).write_text(f"this is {name[:20]}\n")
    (folder / "copy.txt").write_text("this is file.txt\n")
    (folder / "empty").touch()
    (folder / "large.bin").write_bytes(os.urandom(3_000_000))
    (folder / "program").write_text('#!/bin/sh\necho "$#"\nenv | grep -c ^LD_ || true\n')
    (folder / "program").chmod(0o755)
    (folder / "script.py").write_text("import sys\nprint(__file__, *sys.argv[1:])\n")
    links = {
        "to-file": "file.txt",
        "to-folder": "folder/inner",
        "folder/up": "..",
        "dangling": "nowhere",
        "loop": "loop",
        "chain-0": "file.txt",
        **{f"chain-{number}": f"chain-{number - 1}" for number in range(1, 50)},
    }
    for name, target in links.items():
        (folder / name).symlink_to(target)
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        archive.writestr("inside.txt", "inside")
    connection = sqlite3.connect(folder / "data.sq3")
    connection.executescript("CREATE TABLE numbers (n); INSERT INTO numbers VALUES (1), (2), (3)")
    connection.close()


@pytest.fixture(scope="session")
def odd(bundles: Path) -> Path:
    """Build the small project with a folder "odd" as a bundle."""
    project = Path(shutil.copytree(PROJECTS / "small", bundles / "odd" / "project"))
    fill(project / "odd")
    return build(project, bundles / "odd" / "small", "--include", "odd/data.sq3")


@pytest.fixture(scope="session")
def disk(odd: Path, worker_id: str) -> Iterator[tuple[Path, Path]]:
    """Yield the unpacked tree of the bundle, and where it is mounted read-only, beside "/djb"."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a folder")
    extracted = odd.parent / "tree"
    subprocess.run([odd, "--extract", extracted, "version"], env={}, check=True, capture_output=True)
    # One for each process of the tests. Only the last letter differs from "/djb", or paths would not compare.
    mounted = Path(f"/dj{worker_id[-1]}")
    mounted.mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", next(extracted.iterdir()), mounted], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", mounted], check=True)
        yield extracted, mounted
    finally:
        subprocess.run(["umount", mounted], check=True)
        mounted.rmdir()


@pytest.fixture
def in_memory(odd: Path) -> RunPython:
    """Run Python code or a file in the bundle, straight from its file."""
    return lambda *arguments: run([odd, *arguments], {})


@pytest.fixture
def on_disk(odd: Path, disk: tuple[Path, Path]) -> RunPython:
    """Run Python code or a file in the bundle, from the unpacked tree."""
    return lambda *arguments: run([odd, *arguments], {"DJBUNDLE_EXTRACT": str(disk[0])})


def run(command: list[object], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        list(map(str, command)),
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result
