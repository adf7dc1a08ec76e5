"""A kill and a full disk at each system call of backup and restore: nothing is lost, and nothing is half."""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyrage
import pytest

from djbundle.runtime.backup import exchange, layout, reading
from tests.bundle.test_backup import ADD, back_up
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.injection import FAULTS, PROGRAM, Step, run_with_fault, steps_of
from tests.support.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="strace is not installed")]
STARTS = 12  # of the states after faults of a restore, so many are really started
Content = tuple[list[str], dict[str, str]]  # the notes, and the hashes of the uploads


@pytest.fixture
def site(new_small: NewSite) -> Site:
    """Return a site with two uploads, and notes of which the last is only in SQLite's log."""
    site = new_small()
    site.run("migrate", "-v0")
    site.shell(ADD.format(text="first"))
    for name in ("photo.png", "folder/film.mp4"):
        upload = site.data / "media" / name
        upload.parent.mkdir(parents=True, exist_ok=True)
        upload.write_bytes(name.encode() * 1000)
    return site


def content_of(data: Path) -> Content:
    """Return what customers see, from a copy: opening a database changes its folder."""
    copy = data.parent / "looked-at"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for file in data.glob("db.sqlite3*"):
        if ".before-restore-" not in file.name:
            shutil.copy(file, copy)
    with closing(sqlite3.connect(copy / "db.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        notes = [text for (text,) in connection.execute("SELECT text FROM notes_note ORDER BY id")]
    files = (path for path in (data / "media").rglob("*") if path.is_file() and ".before-restore-" not in path.name)
    return notes, {str(each.relative_to(data)): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


def faults_of(steps: list[Step]) -> Iterator[tuple[Step, str]]:
    for step in steps:
        yield from ((step, fault) for fault in FAULTS if fault == FAULTS[0] or not step.is_output)


def check_told(result: object, fault: str, where: str) -> None:
    """Check that a full disk is told in two lines, and never by a traceback."""
    returncode, stderr = result.returncode, result.stderr  # type: ignore[attr-defined]
    if fault == "error=ENOSPC":
        assert "Traceback" not in stderr, f"{where}: {stderr}"
        assert returncode in (0, 42, 44, 72), f"{where}: {returncode} {stderr}"


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_each_step_of_a_backup(site: Site, tmp_path: Path, *, is_encrypted: bool) -> None:
    identity = pyrage.x25519.Identity.generate()
    words = ("--recipient", str(identity.to_public())) if is_encrypted else ()
    template, folder = tmp_path / "template", tmp_path / "elsewhere"
    older = back_up(site, str(folder))
    shutil.copytree(site.data, template)
    before = content_of(site.data)
    command: list[str | Path] = [site.bundle, "backup", folder, *words, "--data-dir", site.data]
    steps = steps_of(command, site.environment, [folder, site.data])
    assert len(steps) > 15
    for step, fault in faults_of(steps):
        where = f"{fault} at {step}"
        for each in folder.iterdir():
            if each != older:
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        shutil.rmtree(site.data)
        shutil.copytree(template, site.data)
        result = run_with_fault(command, site.environment, step, fault)
        check_told(result, fault, where)
        assert older.exists(), where
        assert content_of(site.data) == before, where
        check_complete(folder, tmp_path, identity, where)
        if fault == "error=ENOSPC":
            assert not [each for each in folder.iterdir() if each.is_dir()] or step.call in ("unlinkat", "rmdir"), where


def check_complete(folder: Path, tmp_path: Path, identity: pyrage.x25519.Identity, where: str) -> None:
    """Check that each file with the name of a backup is complete, and has what was committed."""
    for backup in folder.iterdir():
        if not layout.moment_of(backup.name, "small"):
            continue
        plain, unpacked = tmp_path / "plain", tmp_path / "unpacked"
        data = backup.read_bytes()
        plain.write_bytes(pyrage.decrypt(data, [identity]) if layout.is_encrypted(backup) else data)
        shutil.rmtree(unpacked, ignore_errors=True)
        reading.unpack(plain, unpacked)
        database = unpacked / layout.database_member("default")
        reading.check_database(database, backup)
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("SELECT text FROM notes_note").fetchall() == [("first",)], where
        assert (unpacked / "media" / "photo.png").read_bytes() == b"photo.png" * 1000, where


@pytest.mark.parametrize("is_held", [False, True])
def test_each_step_of_a_restore(site: Site, tmp_path: Path, *, is_held: bool) -> None:
    """The next start finds all that was there before, or all of the backup, and the site works."""
    backup = back_up(site, str(tmp_path / "elsewhere"))
    new = content_of(site.data)
    site.shell(ADD.format(text="later"))
    (site.data / "media" / "photo.png").write_bytes(b"changed since")
    old, template = content_of(site.data), tmp_path / "template"
    shutil.copytree(site.data, template)
    hold = "--hold" if is_held else "--no-hold"
    command: list[str | Path] = [site.bundle, "restore", backup, hold, "--data-dir", site.data]
    steps = steps_of(command, site.environment, [site.data])
    assert len(steps) > 25
    assert content_of(site.data) == new
    outcomes = []
    for number, (step, fault) in enumerate(faults_of(steps)):
        where = f"{fault} at {step}"
        shutil.rmtree(site.data)
        shutil.copytree(template, site.data)
        result = run_with_fault(command, site.environment, step, fault)
        check_told(result, fault, where)
        if number % (2 * len(steps) // STARTS) == 0:
            check_start(site)
        exchange.recover(site.data)
        after = content_of(site.data)
        assert after in (old, new), where
        outcomes.append(after)
        assert not is_held or after == old or (site.data / "held.json").exists(), f"restored, but not held: {where}"
    assert old in outcomes
    assert new in outcomes


def check_start(site: Site) -> None:
    with site:
        assert Customer(site.url).get("/").status == 200
