"""The data directory: who owns its files, SQLite's logs, and the backups. Needs no Django."""

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

from djbundle.runtime.backup.outcomes import MESSAGES, Outcomes, Step
from djbundle.runtime.backup.retention import last_backup
from djbundle.runtime.cli.doctor.findings import Finding
from djbundle.runtime.core.hold import Hold
from djbundle.runtime.core.safe_path import name_of

MAX_FILES = 100_000  # that are looked at
MAX_LOG = 256 << 20  # bytes of SQLite's write-ahead log; it is cut at 4 MB unless a reader never ends
MAX_BACKUP_AGE = 26 * 3600  # seconds; `serve` makes one each night
MEGABYTE = 1_000_000


def check_data(data: Path, site: str) -> Iterator[Finding]:
    """Yield what there is to say of the data directory of the site `site`."""
    if not data.is_dir():
        yield Finding.ok("data", f"{data} does not exist yet")
        return
    yield check_owners(data)
    yield from check_logs(data)
    yield check_backups(data, site)
    yield from check_nights(data)
    yield from check_hold(data)


def check_owners(data: Path) -> Finding:
    """Look for files that the site cannot write since they belong to another user, as after a command of root's."""
    owner = data.stat().st_uid
    files = itertools.islice(walk(data), MAX_FILES)
    foreign = [entry.path for entry in files if entry.stat(follow_symlinks=False).st_uid != owner]
    if foreign:
        others = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        text = f"{foreign[0]}{others} belong to another user than {data}"
        return Finding.error("owner", text, f"chown -hR {name_of(owner)}: {data}")
    if not os.access(data, os.W_OK):
        return Finding.error("owner", f"{data} cannot be written by {name_of(os.geteuid())}", "run this as its owner")
    return Finding.ok("owner", f"all files in {data} belong to {name_of(owner)}")


def walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield all files and folders below. Folders that cannot be read are skipped: they are reported themselves."""
    try:
        entries = [*os.scandir(folder)]
    except OSError:
        return
    for entry in entries:
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from walk(Path(entry.path))


def check_logs(data: Path) -> Iterator[Finding]:
    for log in sorted(data.glob("*-wal")):
        if (size := log.stat().st_size) > MAX_LOG:
            text = f"{log} has {size / MEGABYTE:,.0f} MB: some reader has not ended for long"
            yield Finding.warning(
                "database log", text, "end the program that keeps the database open, or restart serve"
            )


def check_backups(data: Path, site: str) -> Finding:
    last = last_backup(data, site)
    if last is None:
        return Finding.warning("backup", "there is none", "serve makes one each night; now:  backup")
    hours = (time.time() - last.timestamp()) / 3600
    text = f"the last one is {hours:.0f} hours old"
    if hours * 3600 > MAX_BACKUP_AGE:
        return Finding.warning("backup", text, "look for its reason in the log of serve")
    return Finding.ok("backup", text)


def check_nights(data: Path) -> Iterator[Finding]:
    """Yield the proof of a backup, and what failed: a backup, its copy or its proof."""
    outcomes = Outcomes.read(data)
    if worked_at := outcomes.of(Step.PROOF).worked_at:
        hours = (time.time() - worked_at) / 3600
        yield Finding.ok("proof", f"a backup was restored beside the site {hours:.0f} hours ago, and worked")
    for step in outcomes.failing():
        text = f"{MESSAGES[step]}: {outcomes.of(step).cause}"
        yield Finding.warning(step, text, "correct that; `backup --prove latest` tries a proof again")


def check_hold(data: Path) -> Iterator[Finding]:
    if hold := Hold.read(data):
        yield Finding.warning("hold", f"this is {hold.describe()}", "make it the live site:  resume")
