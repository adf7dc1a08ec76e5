"""``./shop restore``: replace the site's data by a backup, also while the site serves."""

import contextlib
import os
import shutil
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

from djbundle.contract.handover import HandoverState
from djbundle.errors import BackupError, NotServingError
from djbundle.runtime.backup import exchange
from djbundle.runtime.backup.contents import Contents
from djbundle.runtime.backup.exchange import Restore
from djbundle.runtime.backup.restoring import CheckedBackup, check_fits, plan, unpack_and_check
from djbundle.runtime.cli.backup.sources import LATEST, backup_file
from djbundle.runtime.cli.upgrade import Reporter, add_json, check_program, reload
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.handover.control_socket import request_status
from djbundle.runtime.options.parser import parse_options
from djbundle.runtime.process.lock import held, is_served, lock_data_directory


def add_restore_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "backup",
        metavar="FILE",
        help=f"a file that `backup` has written; {LATEST}: the newest one; s3://BUCKET/PREFIX: the newest one there; "
        "s3://BUCKET/PREFIX/NAME: that one",
    )
    parser.add_argument("--check", action="store_true", help="only check that it can be restored; change nothing")
    add_json(parser)


def run_restore(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "restore", arguments, add_restore_options)
    report = Reporter(as_json=options.json)
    with staging(bundle.data) as folder, backup_file(options.backup, None, bundle) as backup:
        report("reading", f"reading {backup}", file=str(backup))
        checked, contents = unpack_and_check(backup, folder), Contents.ask(bundle)
        check_fits(checked, bundle, contents)
        facts = checked.facts
        report("whole", f"it is whole: {facts.site} {facts.version} of {facts.created}", created=facts.created)
        if not options.check:
            restore(bundle, checked, contents, report)
    return 0


@contextlib.contextmanager
def staging(data: Path) -> Iterator[Path]:
    """Yield an empty folder in the data directory, and lock other restores out meanwhile."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    root = data / exchange.FOLDER
    root.mkdir(mode=0o700, exist_ok=True)
    busy = BackupError("another command is restoring the site", "wait until it has ended")
    with held(root / exchange.LOCK, busy):
        clean_up(data)
        folder = root / "files"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        yield folder
        shutil.rmtree(folder, ignore_errors=True)


def clean_up(data: Path) -> None:
    """Undo a restore that was killed half way.

    If the site serves, the restore had not begun, or a start has undone it already.
    """
    if not is_served(data):
        exchange.recover(data)
    elif stale := Restore.read(data):
        stale.forget()


def restore(bundle: Bundle, checked: CheckedBackup, contents: Contents, report: Reporter) -> None:
    """Put the files in place. If the site serves, its next process does so; otherwise this process does."""
    try:
        request_status(bundle.data, check_program)
    except NotServingError:
        lock = lock_data_directory(bundle.data)
        change = plan(checked, contents, bundle.data, with_secrets=True)
        change.write()
        change.finish()
        change.commit()
        os.close(lock)
    else:
        change = plan(checked, contents, bundle.data, with_secrets=False)
        change.write()
        hand_over(bundle.data, report)
    kept = next((each.kept for each in change.exchanges if each.is_database), "")
    text = f"restored; the previous database is kept in {kept}" if Path(kept).exists() else "restored"
    report("restored", text, kept=kept)


def hand_over(data: Path, report: Reporter) -> None:
    """Ask the site to hand over. Raise BackupError if the new process did not take over."""
    for message in reload(data):
        if message.state == HandoverState.FAILED:
            cause = message.fields["cause"]
            raise BackupError(f"nothing was restored: {cause}", message.fields["fix"])
        if message.state == HandoverState.PENDING:
            report("waiting", "new connections wait while the files are put in place")
