"""``./shop backup``: write a backup while the site serves, list the backups, or check that one can be restored."""

import datetime
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from djbundle.contract.layout import BACKUPS
from djbundle.errors import BackupError
from djbundle.runtime.backup import layout
from djbundle.runtime.backup.contents import Contents
from djbundle.runtime.backup.restoring import check_fits, unpack_and_check
from djbundle.runtime.backup.retention import list_backups
from djbundle.runtime.backup.writing import write_backup
from djbundle.runtime.cli.upgrade import Reporter, add_json
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.options.parser import parse_options

MEGABYTE = 1 << 20
LATEST = "latest"


def add_backup_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="the folder to write it to  [default: backups, in the data directory]",
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--list", action="store_true", help="only list the backups of that folder, the newest first")
    ways.add_argument(
        "--check", metavar="FILE", help="only check that a backup can be restored; latest: the newest one"
    )
    add_json(parser)


def run_backup(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "backup", arguments, add_backup_options)
    report = Reporter(as_json=options.json)
    folder = options.folder or folder_of(bundle.data)
    if options.list:
        report_list(folder, bundle.manifest.name, report)
    elif options.check:
        check(bundle, find_backup(options.check, folder, bundle.manifest.name), report)
    else:
        contents = Contents.ask(bundle)
        for alias, kind in contents.servers.items():
            report("note", f'the database "{alias}" is on a {kind} server, and is not in the backup', alias=alias)
        path = write_backup(bundle, contents, folder)
        size = path.stat().st_size
        report("written", f"{path} ({size / MEGABYTE:.1f} MB)", file=str(path), size=size)
    return 0


def folder_of(data: Path) -> Path:
    return data / BACKUPS


def find_backup(name: str, folder: Path, site: str) -> Path:
    """Return the backup that a command line names. Raise BackupError if there is none."""
    if name != LATEST:
        return Path(name)
    newest = next(iter(list_backups(folder, site)), None)
    if newest is None:
        raise BackupError(f"there is no backup in {folder}", "`backup` writes one")
    return newest


def check(bundle: Bundle, backup: Path, report: Reporter) -> None:
    """Unpack a backup in the data directory, as a restore would, and check it."""
    bundle.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".check-", dir=bundle.data) as folder:
        checked = unpack_and_check(backup, Path(folder))
        check_fits(checked, bundle, Contents.ask(bundle))
    facts = checked.facts
    text = f"{backup} is complete and fits this site: {facts.site} {facts.version} of {facts.created}"
    report("whole", text, file=str(backup), created=facts.created, version=facts.version)


def report_list(folder: Path, site: str, report: Reporter) -> None:
    for path in list_backups(folder, site):
        moment, size = layout.moment_of(path.name, site), path.stat().st_size
        when = moment.astimezone(datetime.UTC).isoformat(sep=" ", timespec="minutes")[:16] if moment else ""
        report("backup", f"{when} UTC  {size / MEGABYTE:8.1f} MB  {path}", file=str(path), size=size, created=when)
