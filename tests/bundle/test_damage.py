"""Bundles that a copy or a disk has damaged: each start detects it in what it reads, ``verify`` in the whole file."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bundle.processes import assert_refused

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a bundle with this test's data directory; keyword arguments are environment variables."""

    def run_bundle(bundle: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [bundle, *arguments, "--data-dir", tmp_path / "data"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return run_bundle


def flipped(bundle: Path, folder: Path, place: int) -> Path:
    """Return a copy of the bundle in which one bit is flipped."""
    damaged = Path(shutil.copy(bundle, folder / "damaged"))
    with damaged.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))
    return damaged


@pytest.mark.parametrize("kept", [0.999999, 0.9, 0.5, 0.01])
def test_truncated(run: Run, small: Path, tmp_path: Path, kept: float) -> None:
    """An interrupted copy leaves such a file."""
    damaged = Path(shutil.copy(small, tmp_path / "damaged"))
    os.truncate(damaged, int(damaged.stat().st_size * kept))
    assert_refused(run(damaged, "version"), 60, "not whole")


@pytest.mark.parametrize("place", [0.003, 0.9975, 0.9999, 0.999999])
def test_damage_in_what_each_start_reads(run: Run, small: Path, tmp_path: Path, place: float) -> None:
    """Damage the launcher, the index or the footer."""
    damaged = flipped(small, tmp_path, int(small.stat().st_size * place))
    assert_refused(run(damaged, "version"), 61, "damaged")


@pytest.mark.parametrize("place", [0.003, *(number / 12 for number in range(1, 12)), 0.9999])
def test_damage_anywhere_is_never_run(run: Run, small: Path, tmp_path: Path, place: float) -> None:
    """Check that a damaged block is never run.

    A block is checked when it is read. So a command works as before, or says that the bundle is damaged; ``verify``
    and unpacking always find the damage.
    """
    expected = run(small, "check", "--deploy")
    damaged = flipped(small, tmp_path, int(small.stat().st_size * place))
    result = run(damaged, "check", "--deploy")
    if result.returncode != expected.returncode:
        assert result.returncode == 61, result.stderr
        assert "error: this bundle is damaged\n  fix: " in result.stderr
    else:
        assert (result.stdout, result.stderr) == (expected.stdout, expected.stderr)
    assert_refused(run(damaged, "verify"), 61, "damaged")
    assert_refused(run(damaged, "version", DJBUNDLE_EXTRACT=str(tmp_path / "tree")), 61, "damaged")
    assert not (tmp_path / "tree").exists() or list((tmp_path / "tree").iterdir()) == []


def test_verify_tells_the_checksum(run: Run, small: Path) -> None:
    expected = hashlib.sha256(small.read_bytes()).hexdigest()
    assert run(small, "verify").stdout == (f"{small} is whole: {small.stat().st_size:,} bytes, SHA-256 {expected}\n")
    report = json.loads(run(small, "verify", "--json").stdout)
    assert report == {"file": str(small), "size": small.stat().st_size, "sha256": expected}


def test_verify_that_may_not_read(small: Path, tmp_path: Path) -> None:
    """A user may run a program that the user may not read; a bundle must read itself, so the launcher reports it."""
    secret = Path(shutil.copy(small, tmp_path / "secret"))
    secret.chmod(0o711)
    tmp_path.chmod(0o755)
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", secret, "verify", "--data-dir", "/nowhere"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert_refused(result, 64, "cannot read")
