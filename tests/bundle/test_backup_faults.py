"""A kill and a full disk at each system call of backup and restore: nothing is lost, and nothing is half."""

import hashlib
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyrage
import pytest

from djbundle.runtime.backup import exchange, layout, reading
from tests.bundle.records import ADD, site_with_note
from tests.bundle.test_backup import back_up
from tests.conftest import NewSite
from tests.support.customer import Customer
from tests.support.injection import ATTEMPTS, FAULTS, PROGRAM, Command
from tests.support.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="strace is not installed")]
START_EACH = 12  # after each so many faults of a restore, the site is really started
Content = tuple[list[str], dict[str, str]]  # the notes, and the hashes of the uploads


@pytest.fixture
def site(new_small: NewSite) -> Site:
    """Return a site with two uploads, and notes of which the last is only in SQLite's log."""
    site = site_with_note(new_small, "first")
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


def faults_of(command: Command, prepare: Callable[[], None]) -> Iterator[tuple[str, subprocess.CompletedProcess[str]]]:
    """Run the command with each fault at each of its steps, and yield where it was, and how the command ended.

    `prepare` makes the state in which each run begins.
    """
    steps = command.steps()
    assert len(steps) > 15
    missed = 0
    for step in steps:
        for fault in FAULTS:
            for _ in range(ATTEMPTS):
                prepare()
                result = command.run_with_fault(step, fault)
                if result is not None:
                    yield f"{fault} at {step}", result
                    break
            else:
                missed += 1
    assert missed < len(steps) // 4, "most faults were at steps of the command"


def check_told(result: subprocess.CompletedProcess[str], where: str) -> None:
    """Check that a full disk is told in two lines, and never by a traceback."""
    if "ENOSPC" in where:
        assert "Traceback" not in result.stderr, f"{where}: {result.stderr}"
        assert result.returncode in (0, 42, 44, 72), f"{where}: {result.returncode} {result.stderr}"


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_each_step_of_a_backup(site: Site, tmp_path: Path, *, is_encrypted: bool) -> None:
    identity = pyrage.x25519.Identity.generate()
    template, folder = tmp_path / "template", tmp_path / "elsewhere"
    older = back_up(site, str(folder))
    shutil.copytree(site.data, template)
    before = content_of(site.data)
    recipients = ["--recipient", str(identity.to_public())] if is_encrypted else []
    words: list[str | Path] = [site.bundle, "backup", folder, *recipients, "--data-dir", site.data]

    def prepare() -> None:
        for each in folder.iterdir():
            if each != older:
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        shutil.rmtree(site.data)
        shutil.copytree(template, site.data)

    command = Command(words, site.environment, [folder, site.data], tmp_path / "trace")
    for where, result in faults_of(command, prepare):
        check_told(result, where)
        assert older.exists(), where
        assert content_of(site.data) == before, where
        names = check_complete(folder, tmp_path, identity, where)
        assert result.returncode or len(names) == 2, f"it ended well, and wrote nothing: {where}"


def check_complete(folder: Path, tmp_path: Path, identity: pyrage.x25519.Identity, where: str) -> list[str]:
    """Check that each file with the name of a backup is complete, and has what was committed. Return their names."""
    backups = [each for each in folder.iterdir() if layout.moment_of(each.name, "small")]
    for backup in backups:
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
    return [backup.name for backup in backups]


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
    words: list[str | Path] = [site.bundle, "restore", backup, hold, "--data-dir", site.data]

    def prepare() -> None:
        shutil.rmtree(site.data)
        shutil.copytree(template, site.data)

    outcomes: list[Content] = []
    command = Command(words, site.environment, [site.data], tmp_path / "trace")
    for where, result in faults_of(command, prepare):
        check_told(result, where)
        if len(outcomes) % START_EACH == 0:
            check_start(site)
        exchange.recover(site.data)
        after = content_of(site.data)
        assert after in (old, new), where
        assert result.returncode or after == new, f"it ended well, and restored nothing: {where}"
        has_hold = (site.data / "held.json").exists()
        assert not is_held or after == old or has_hold, f"restored, but not held: {where}"
        outcomes.append(after)
    assert old in outcomes
    assert new in outcomes


def check_start(site: Site) -> None:
    with site:
        assert Customer(site.url).get("/").status == 200
