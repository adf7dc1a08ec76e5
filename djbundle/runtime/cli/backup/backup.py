"""``./shop backup``: write a backup while the site serves, list the backups, or check that one can be restored."""

import datetime
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from djbundle.runtime.backup import layout
from djbundle.runtime.backup.bucket import Bucket
from djbundle.runtime.backup.contents import Contents
from djbundle.runtime.backup.restoring import check_fits, unpack_and_check
from djbundle.runtime.backup.retention import list_backups
from djbundle.runtime.backup.writing import write_backup
from djbundle.runtime.cli.backup.sources import backup_file, folder_of, is_bucket
from djbundle.runtime.cli.upgrade import Reporter, add_json
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.options.parser import parse_options

MEGABYTE = 1 << 20


def add_backup_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "place",
        nargs="?",
        metavar="PLACE",
        help="the folder to write it to, or s3://BUCKET/PREFIX to copy it there, too"
        "  [default: backups, in the data directory]",
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--list", action="store_true", help="only list the backups of that place, the newest first")
    ways.add_argument(
        "--check", metavar="FILE", help="only check that a backup can be restored; latest: the newest one"
    )
    add_json(parser)


def run_backup(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "backup", arguments, add_backup_options)
    report = Reporter(as_json=options.json)
    place = options.place or str(folder_of(bundle.data))
    if options.list:
        report_list(place, bundle.manifest.name, report)
    elif options.check:
        with backup_file(options.check, place, bundle) as backup:
            check(bundle, backup, report)
    else:
        write(bundle, place, report)
    return 0


def write(bundle: Bundle, place: str, report: Reporter) -> None:
    """Write a backup to a folder. For a bucket, write it to the folder of `serve`, and copy it."""
    bucket = Bucket.of(place) if is_bucket(place) else None
    contents = Contents.ask(bundle)
    for alias, kind in contents.servers.items():
        report("note", f'the database "{alias}" is on a {kind} server, and is not in the backup', alias=alias)
    path = write_backup(bundle, contents, folder_of(bundle.data) if bucket else Path(place))
    size = path.stat().st_size
    report("written", f"{path} ({size / MEGABYTE:.1f} MB)", file=str(path), size=size)
    if bucket:
        address = bucket.upload(path)
        report("copied", f"copied to {address}", file=address, size=size)


def check(bundle: Bundle, backup: Path, report: Reporter) -> None:
    """Unpack a backup in the data directory, as a restore would, and check it."""
    bundle.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".check-", dir=bundle.data) as folder:
        checked = unpack_and_check(backup, Path(folder))
        check_fits(checked, bundle, Contents.ask(bundle))
    facts = checked.facts
    text = f"{backup} is complete and fits this site: {facts.site} {facts.version} of {facts.created}"
    report("whole", text, file=str(backup), created=facts.created, version=facts.version)


def report_list(place: str, site: str, report: Reporter) -> None:
    if is_bucket(place):
        bucket = Bucket.of(place)
        backups = [(bucket.address(each.name), each.name, each.size) for each in bucket.list(site)]
    else:
        backups = [(str(path), path.name, path.stat().st_size) for path in list_backups(Path(place), site)]
    for address, name, size in backups:
        moment = layout.moment_of(name, site)
        when = moment.astimezone(datetime.UTC).isoformat(sep=" ", timespec="minutes")[:16] if moment else ""
        report("backup", f"{when} UTC  {size / MEGABYTE:8.1f} MB  {address}", file=address, size=size, created=when)
