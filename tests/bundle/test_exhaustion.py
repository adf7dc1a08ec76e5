"""A machine runs out of disk space, or of open files."""

import contextlib
import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import psutil
import pytest

from tests.bundle.processes import with_role
from tests.support.disks import mounted_disk
from tests.support.site import Site, bare_environment
from tests.support.waiting import wait_until

FEW_FILES = 300  # a web process reserves 256 of them for other things than connections


def status(site: Site, path: str) -> int:
    try:
        with urlopen(site.url + path, timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def fill(file: Path) -> None:
    """Fill the rest of the disk."""
    with file.open("wb", buffering=0) as full, contextlib.suppress(OSError):
        while full.write(b"a" * 4096):
            pass


def notes(site: Site) -> set[str]:
    with contextlib.closing(sqlite3.connect(site.data / "db.sqlite3", timeout=30)) as database:
        return {text for (text,) in database.execute("SELECT text FROM notes_note")}


def tasks(site: Site) -> list[tuple[str, str, str]]:
    """Return status, argument and errors of each task."""
    with contextlib.closing(sqlite3.connect(site.data / "db.sqlite3", timeout=30)) as database:
        rows = database.execute("SELECT status, args, errors FROM djbundle_tasks_taskrecord")
        return [(status, json.loads(args)[0], errors) for status, args, errors in rows]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk with enough room for a healthy site."""
    with mounted_disk(tmp_path / "disk", 40) as disk:
        yield disk


def test_full_disk_loses_nothing_that_was_answered(small: Path, disk: Path) -> None:
    """Pages that only read go on; the others work again when there is room. The log is on the same disk.

    A task that meets the full disk fails, as with any exception of its own: it may have sent a mail before.
    """
    answered: set[str] = set()

    def write(text: str) -> int:
        code = status(site, f"/write/?text={text}")
        if code == 200:
            answered.add(text)
        return code

    with Site(small, disk / "data", bare_environment(), "--workers", "2") as site:
        assert write("before") == 200
        fill(disk / "filled")
        wait_until(lambda: write(f"full-{time.monotonic()}") >= 500, "what has no room is refused")
        assert status(site, "/") == 200
        wait_until(lambda: status(site, "/up") == 503, "it says so")
        (disk / "filled").unlink()
        wait_until(lambda: write(f"after-{time.monotonic()}") == 200, "it goes on by itself")
        wait_until(lambda: {status for status, *_ in tasks(site)} <= {"SUCCESSFUL", "FAILED"}, "all have ended")
        ended = {
            status: {text for state, text, _ in tasks(site) if state == status} for status in ("SUCCESSFUL", "FAILED")
        }
        assert ended["SUCCESSFUL"] <= notes(site)
        assert answered <= ended["SUCCESSFUL"] | ended["FAILED"], "each that was accepted is there"
        assert all("disk is full" in errors for status, _, errors in tasks(site) if status == "FAILED")
        site.run("tasks", "retry", "--all")
        wait_until(lambda: answered <= notes(site), "those that the full disk has failed are done too")
        wait_until(lambda: status(site, "/up") == 200, "it is well again")
        assert site.process.poll() is None
    assert site.run("check", check=False).returncode == 0


class SiteOfFewFiles(Site):
    def command(self) -> list[str]:
        return ["sh", "-c", f'ulimit -n {FEW_FILES} && exec "$@"', "sh", *super().command()]


def test_more_clients_than_files_hold_up_nobody_for_long(small: Path, tmp_path: Path) -> None:
    options = ("--workers", "1", "--http1-header-read-timeout", "1000")
    with (
        SiteOfFewFiles(small, tmp_path / "data", bare_environment(), *options) as site,
        contextlib.ExitStack() as stack,
    ):
        address = urlsplit(site.url)
        for beginning in (b"", b"GET / HTTP/1.1\r\nHost: ") * (FEW_FILES // 4):
            slow = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=20))
            slow.sendall(beginning)
        (web,) = with_role(site, "web", 1)
        for _ in range(5):
            assert status(site, "/") == 200, "when those who do not finish have been closed"
        assert with_role(site, "web", 1) == [web], "and no process was lost over it"
        assert web.rlimit(psutil.RLIMIT_NOFILE)[0] == FEW_FILES
