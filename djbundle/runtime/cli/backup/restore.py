"""``./shop restore``: replace the site's data by a backup, also while the site serves."""

import contextlib
import datetime
import os
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from djbundle.contract.handover import HandoverState
from djbundle.errors import BackupError, DjbundleError, NotServingError, OptionError
from djbundle.runtime.backup import exchange
from djbundle.runtime.backup.contents import Contents
from djbundle.runtime.backup.exchange import Restore
from djbundle.runtime.backup.restoring import CheckedBackup, check_fits, plan, unpack_and_check
from djbundle.runtime.backup.times import parse_time
from djbundle.runtime.cli.backup.identity import add_identity
from djbundle.runtime.cli.backup.sources import LATEST, backup_at, backup_file, readable
from djbundle.runtime.cli.reporting import Reporter, add_json
from djbundle.runtime.cli.upgrade import check_program, handed_over
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.hold import ADVICE, Hold, add_origin, origins, release
from djbundle.runtime.handover.control_socket import request_status
from djbundle.runtime.options.parser import parse_options
from djbundle.runtime.process.lock import held, is_served, lock_data_directory


def add_restore_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "backup",
        nargs="?",
        metavar="FILE",
        help=f"a file that `backup` has written; {LATEST}: the newest one; s3://BUCKET/PREFIX or "
        "sftp://USER@HOST/FOLDER: the newest one there; with /NAME at the end: that one",
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="the newest backup from before that: yesterday, 3h, 2026-11-29 or 2026-11-29T15:30 (UTC);"
        " FILE is then the folder or the URL of the backups",
    )
    add_identity(parser)
    holds = parser.add_mutually_exclusive_group()
    holds.add_argument(
        "--hold",
        action="store_true",
        default=None,
        help="send no mail and run no task until `resume`  [default: if the backup is of another data directory]",
    )
    holds.add_argument("--no-hold", dest="hold", action="store_false", help="go on as the live site")
    parser.add_argument("--check", action="store_true", help="only check that it can be restored; change nothing")
    add_json(parser)


def run_restore(bundle: Bundle, arguments: list[str]) -> int:
    options = parse_options(bundle.program, "restore", arguments, add_restore_options)
    report = Reporter(as_json=options.json)
    if options.backup is None and options.at is None:
        raise OptionError("there is no backup to restore", "name a FILE, or  latest, or  --at TIME")
    try:
        find_and_restore(bundle, options, report)
    except OSError as error:
        fix = "make room, or correct the cause, and try again; the site has all of the backup, or all of what was there"
        raise BackupError(f"the restore was cut short: {error}", fix) from error
    return 0


def find_and_restore(bundle: Bundle, options: Namespace, report: Reporter) -> None:
    with staging(bundle.data) as folder, chosen_backup(options.backup, options.at, bundle) as backup:
        report("reading", f"reading {backup}", file=str(backup))
        with readable(backup, options.identity, bundle.data) as plain:
            checked, contents = unpack_and_check(plain, folder, backup.name), Contents.ask(bundle)
        check_fits(checked, bundle, contents)
        facts = checked.facts
        report("whole", f"it is whole: {facts.site} {facts.version} of {facts.created}", created=facts.created)
        if not options.check:
            hold = hold_of(bundle, checked, contents, options.hold)
            with held_if(hold, bundle.data):
                restore(bundle, checked, contents, report)
            if hold:
                report("held", f"this is {hold.describe()}; {ADVICE}", backup=hold.backup)
            elif options.hold is False:
                add_origin(bundle.data, facts.origin)


def chosen_backup(name: str | None, time: str | None, bundle: Bundle) -> AbstractContextManager[Path]:
    """Return the file that the options name: one of `time`, in the place `name`, or the one of this name."""
    if time is None:
        return backup_file(name or LATEST, None, bundle)
    return backup_at(parse_time(time, datetime.datetime.now(datetime.UTC)), name, bundle)


def hold_of(bundle: Bundle, checked: CheckedBackup, contents: Contents, wish: bool | None) -> Hold | None:
    """Return the hold of the restored site, or None if it is to go on as the live one.

    A site that restores a backup of its own goes on. A backup without an origin is one of this site if it has data.
    """
    facts = checked.facts
    is_own = facts.origin in origins(bundle.data) if facts.origin else any_exists(contents.databases.values())
    is_held = Hold.read(bundle.data) is not None or not is_own if wish is None else wish
    return Hold(checked.name, facts.created, facts.origin) if is_held else None


def any_exists(paths: Iterable[str]) -> bool:
    return any(Path(path).exists() for path in paths)


@contextlib.contextmanager
def held_if(hold: Hold | None, data: Path) -> Iterator[None]:
    """Hold the data directory, or end its hold, before data come into it.

    Put the hold back as it was if the block fails with an error that says that nothing was restored. After any other
    one, such as a full disk at the last step, the restored data may be there, so they stay held.
    """
    before = Hold.read(data)
    try:
        set_hold(hold, data)
    except OSError:
        with contextlib.suppress(OSError):
            set_hold(before, data)
        raise
    try:
        yield
    except NotServingError:  # it went away meanwhile
        raise
    except DjbundleError:
        set_hold(before, data)
        raise


def set_hold(hold: Hold | None, data: Path) -> None:
    if hold:
        hold.write(data)
    elif Hold.read(data):
        release(data)


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
        change = prepare(checked, contents, bundle.data, with_secrets=True)
        change.finish()
        change.commit()
        os.close(lock)
    else:
        change = prepare(checked, contents, bundle.data, with_secrets=False)
        hand_over(bundle.data, report)
    kept = next((each.kept for each in change.exchanges if each.is_database), "")
    text = f"restored; the previous database is kept in {kept}" if Path(kept).exists() else "restored"
    report("restored", text, kept=kept)


def prepare(checked: CheckedBackup, contents: Contents, data: Path, *, with_secrets: bool) -> Restore:
    """Record the exchange of files that is next. Raise BackupError if that fails; then nothing has changed."""
    try:
        change = plan(checked, contents, data, with_secrets=with_secrets)
        change.write()
    except OSError as error:
        fix = "make room, or correct the cause, and try again"
        raise BackupError(f"the backup was not restored: {error}", fix) from error
    return change


def hand_over(data: Path, report: Reporter) -> None:
    """Ask the site to hand over. Raise BackupError if the new process did not take over."""
    for message in handed_over(data, BackupError, "nothing was restored"):
        if message.state == HandoverState.PENDING:
            report("waiting", "new connections wait while the files are put in place")
