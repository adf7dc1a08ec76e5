"""Proves a backup: restores it beside the site, migrates and checks it, starts it, and requests its front page.

All of that happens in a temporary data directory, in processes of their own, which run in verify mode: they use no
database, cache or mail server of the site. Where the kernel permits it, they have no network either.
"""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from djbundle.common.processes import die_with_parent
from djbundle.contract import variables
from djbundle.errors import BackupError
from djbundle.runtime.backup.writing import DAY, kept_free
from djbundle.runtime.core.own_process import cause_and_fix, environment_without_service

PREFIX = ".proof-"  # of the temporary data directory
SOCKET = "s"  # in it; the path of a socket is short
PATH = "/"
HOST = "localhost"
ROOM = 2  # times the size of the data: the migration of SQLite backs it up
COMMAND_TIMEOUT = 3600.0  # seconds
START_TIMEOUT = 300.0  # seconds until the site answers
POLL_INTERVAL = 0.1  # seconds
PAGE_TIMEOUT = 60.0  # seconds
FIRST_ERROR = 500  # a page with this status, or a higher one, proves nothing


class Proof(NamedTuple):
    status: int  # of the front page
    seconds: float

    def __str__(self) -> str:
        return f"restored beside the site, it answered {PATH} by {self.status} after {self.seconds:.0f} s"


def prove(backup: Path, data: Path, size: int) -> Proof:
    """Prove a backup that is not encrypted. `size` is that of its content in bytes. Raise BackupError."""
    began_at = time.monotonic()
    with temporary_folder(data, size) as folder:
        _run("restore", str(backup), "--hold", folder=folder)
        _run("migrate", "--noinput", "-v0", folder=folder)
        _run("check", folder=folder)
        return Proof(_request_page(folder), time.monotonic() - began_at)


@contextlib.contextmanager
def temporary_folder(data: Path, size: int) -> Iterator[Path]:
    """Yield a temporary folder on a disk with enough room: that of the data, or else that for temporary files."""
    for old in data.glob(f"{PREFIX}*"):
        if old.stat().st_mtime < time.time() - DAY:
            shutil.rmtree(old, ignore_errors=True)
    for place in (data, Path(tempfile.gettempdir())):
        usage = shutil.disk_usage(place)
        if usage.free - ROOM * size > kept_free(usage.total):
            with tempfile.TemporaryDirectory(prefix=PREFIX, dir=place, ignore_cleanup_errors=True) as folder:
                yield Path(folder)
            return
    raise BackupError(
        f"there is too little room to restore a backup of {size >> 20} MB beside the site",
        "make room, or serve with  --no-backup-proof",
    )


def _run(*words: str, folder: Path) -> None:
    result = subprocess.run(
        _command(words, folder),
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT,
        check=False,
        **surroundings(),
    )
    if result.returncode:
        cause, _ = cause_and_fix(result.stderr or f"it ended with code {result.returncode}")
        raise _failure(f"`{words[0]}` of the restored copy: {cause}")


def _request_page(folder: Path) -> int:
    """Start the restored site, and return the status of its front page."""
    words = ("serve", "--bind", f"unix:{folder / SOCKET}", "--workers", "1", "--no-worker", "--backups", "off")
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(_command(words, folder), stdout=log, stderr=log, **surroundings())
        try:
            return _await_page(folder, process)
        finally:
            process.terminate()
            process.wait(COMMAND_TIMEOUT)


def _await_page(folder: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            status = _get(folder / SOCKET)
        except (FileNotFoundError, ConnectionRefusedError):  # it is still starting
            time.sleep(POLL_INTERVAL)
            continue
        except (OSError, http.client.HTTPException) as error:
            raise _failure(f"{PATH} of the restored copy is not answered: {error}") from error
        if status >= FIRST_ERROR:
            raise _failure(f"{PATH} of the restored copy is answered by {status}")
        return status
    lines = (folder / "log").read_text(errors="replace").strip().splitlines()
    raise _failure(f"the restored copy does not start: {lines[-1] if lines else 'its log is empty'}")


def _get(path: Path) -> int:
    connection = http.client.HTTPConnection(HOST, timeout=PAGE_TIMEOUT)
    connection.sock = socket.socket(socket.AF_UNIX)
    with contextlib.closing(connection):
        connection.sock.settimeout(PAGE_TIMEOUT)
        connection.sock.connect(str(path))
        connection.request("GET", PATH, headers={"X-Forwarded-Proto": "https"})
        response = connection.getresponse()
        response.read()
        return response.status


def _command(words: Sequence[str], folder: Path) -> list[str]:
    return [sys.executable, *words, "--data-dir", str(folder)]


def surroundings() -> dict[str, Any]:
    """Return the options with which each process of the copy is started."""
    return {"env": _environment(), "stdin": subprocess.DEVNULL, "preexec_fn": _Isolation()}


def _environment() -> dict[str, str]:
    hosts = ",".join(filter(None, (os.environ.get(variables.ALLOWED_HOSTS), HOST)))
    return {**environment_without_service(), variables.VERIFY_MODE: "1", variables.ALLOWED_HOSTS: hosts}


def _failure(cause: str) -> BackupError:
    return BackupError(cause, "`backup --prove latest` tries again; an older backup may be whole")


class _Isolation:
    """Is called in a new process before its program starts: it dies with this one, and leaves the network."""

    def __init__(self) -> None:
        self._parent = os.getpid()

    def __call__(self) -> None:
        die_with_parent(self._parent)
        uid, gid = os.geteuid(), os.getegid()
        try:
            os.unshare(os.CLONE_NEWNET | (os.CLONE_NEWUSER if uid else 0))
            if uid:
                for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
                    Path("/proc/self", name).write_text(text)
        except OSError:  # the kernel, or the service's unit, does not permit it
            return
