"""``./shop backup``: write a backup while the site serves, list the backups, or check that one can be restored."""

import datetime
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from djbundle.errors import BackupError, NotServingError, UpgradeError
from djbundle.runtime.backup import checksum, layout
from djbundle.runtime.backup.contents import Contents
from djbundle.runtime.backup.encryption import IDENTITY_FIX, check_recipients
from djbundle.runtime.backup.outcomes import Outcomes, Step
from djbundle.runtime.backup.proving import prove
from djbundle.runtime.backup.restoring import check_fits, unpack_and_check
from djbundle.runtime.backup.retention import list_backups
from djbundle.runtime.backup.stores.places import is_store, open_store
from djbundle.runtime.backup.writing import size_of, write_backup
from djbundle.runtime.cli.backup.identity import add_identity
from djbundle.runtime.cli.backup.sources import backup_file, folder_of, readable
from djbundle.runtime.cli.reporting import Reporter, add_json
from djbundle.runtime.cli.upgrade import check_program
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.handover.control_socket import request_status
from djbundle.runtime.options.backups import add_recipient
from djbundle.runtime.options.parser import parse_options

MEGABYTE = 1 << 20


def add_backup_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "place",
        nargs="?",
        metavar="PLACE",
        help="the folder to write it to, or s3://BUCKET/PREFIX or sftp://USER@HOST/FOLDER to copy it there, too"
        "  [default: backups, in the data directory]",
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--list", action="store_true", help="only list the backups of that place, the newest first")
    ways.add_argument(
        "--check", metavar="FILE", help="only check that a backup can be restored; latest: the newest one"
    )
    ways.add_argument(
        "--prove",
        metavar="FILE",
        help="restore a backup in a temporary data directory, migrate, check and start it there, and request a page;"
        " latest: the newest one",
    )
    add_recipient(parser, "--recipient", "encrypt it to this public key  [default: those of the site that serves]; one")
    add_identity(parser)
    add_json(parser)


def run_backup(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "backup", arguments, add_backup_options)
    report = Reporter(as_json=options.json)
    place = options.place or str(folder_of(bundle.data))
    if options.list:
        report_list(place, bundle.manifest.name, report)
    elif options.check:
        with backup_file(options.check, place, bundle) as backup:
            check(bundle, backup, options.identity, report)
    elif options.prove:
        with backup_file(options.prove, place, bundle) as backup:
            prove_it(bundle, backup, options.identity, report)
    else:
        write(bundle, place, options.backup_recipients or recipients_of_site(bundle), report)
    return 0


def recipients_of_site(bundle: Bundle) -> list[str]:
    """Return the public keys of the site that serves, so that a backup by hand is encrypted as well."""
    try:
        return request_status(bundle.data, check_program).backup_recipients
    except (NotServingError, UpgradeError):
        return []


def write(bundle: Bundle, place: str, recipients: Sequence[str], report: Reporter) -> None:
    """Write a backup to a folder. For a store, write it to the folder of `serve`, and copy it."""
    if recipients:
        check_recipients(recipients)
    store = open_store(place) if is_store(place) else None
    contents = Contents.ask(bundle)
    for alias, kind in contents.servers.items():
        report("note", f'the database "{alias}" is on a {kind} server, and is not in the backup', alias=alias)
    path = write_backup(bundle, contents, folder_of(bundle.data) if store else Path(place), recipients)
    size = path.stat().st_size
    text = f"{path} ({size / MEGABYTE:.1f} MB{', encrypted' if recipients else ''})"
    report("written", text, file=str(path), size=size, is_encrypted=bool(recipients))
    if store:
        address = store.upload(path)
        report("copied", f"copied to {address}", file=address, size=size)


def check(bundle: Bundle, backup: Path, identity: Path | None, report: Reporter) -> None:
    """Unpack a backup in the data directory, as a restore would, and check it. Without its key, check its checksum."""
    if layout.is_encrypted(backup) and identity is None:
        report_checksum(backup, report)
        return
    bundle.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        readable(backup, identity, bundle.data) as plain,
        tempfile.TemporaryDirectory(prefix=".check-", dir=bundle.data) as folder,
    ):
        checked = unpack_and_check(plain, Path(folder))
        check_fits(checked, bundle, Contents.ask(bundle))
    facts = checked.facts
    text = f"{backup} is complete and fits this site: {facts.site} {facts.version} of {facts.created}"
    report("whole", text, file=str(backup), created=facts.created, version=facts.version)


def prove_it(bundle: Bundle, backup: Path, identity: Path | None, report: Reporter) -> None:
    """Prove a backup, and record how that ended, as `serve` does each night."""
    size, outcomes = size_of(Contents.ask(bundle)), Outcomes.read(bundle.data)
    with readable(backup, identity, bundle.data) as plain:
        try:
            proof = prove(plain, bundle.data, size)
        except BackupError as error:
            outcomes.with_failure(Step.PROOF, error.cause).write(bundle.data)
            raise
    outcomes.with_success(Step.PROOF, backup.name).write(bundle.data)
    report(
        "proved", f"{backup} is proved: {proof}", file=str(backup), status=proof.status, seconds=round(proof.seconds, 1)
    )


def report_checksum(backup: Path, report: Reporter) -> None:
    if not checksum.check(backup):
        raise BackupError(f"{checksum.file_of(backup)} is missing, and {backup} is encrypted", IDENTITY_FIX)
    text = f"{backup} matches its checksum; only its key can tell more:  --identity FILE"
    report("intact", text, file=str(backup))


def report_list(place: str, site: str, report: Reporter) -> None:
    if is_store(place):
        store = open_store(place)
        backups = [(store.address(each.name), each.name, each.size) for each in store.list(site)]
    else:
        backups = [(str(path), path.name, path.stat().st_size) for path in list_backups(Path(place), site)]
    for address, name, size in backups:
        moment = layout.moment_of(name, site)
        when = moment.astimezone(datetime.UTC).isoformat(sep=" ", timespec="minutes")[:16] if moment else ""
        report("backup", f"{when} UTC  {size / MEGABYTE:8.1f} MB  {address}", file=address, size=size, created=when)
