"""``./shop at TIME COMMAND``: runs a command with the data of a backup, such as `serve` or `dumpdata`.

The backup is restored into a temporary data directory, which is held: it sends no mail and runs no task. It goes when
the command ends. The live site, its database and its uploads are not touched.
"""

import argparse
import contextlib
import datetime
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path

from djbundle.common.processes import die_with_parent
from djbundle.contract import variables
from djbundle.errors import BackupError, OptionError
from djbundle.runtime.backup.times import parse_time
from djbundle.runtime.cli.backup.identity import add_identity
from djbundle.runtime.cli.backup.sources import backup_at, readable
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.copy_mode import READ_ONLY, WRITABLE
from djbundle.runtime.core.own_process import environment_without_service, run_own
from djbundle.runtime.options.parser import parse_options
from djbundle.runtime.process.lock import held, is_locked

PREFIX, LOCK = ".at-", "at.lock"  # of the temporary data directory, and in it
WRITABLE_OPTION = "--writable"
VALUE_OPTIONS = ("--from", "--identity")  # of `at` itself, each with a value
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def add_at_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "time",
        metavar="TIME",
        help="the newest backup from before that is taken: yesterday, 3h, 2026-11-29 or 2026-11-29T15:30 (UTC)",
    )
    parser.add_argument("--from", dest="place", metavar="PLACE", help="the folder, s3:// or sftp:// URL of the backups")
    add_identity(parser)
    parser.add_argument(
        WRITABLE_OPTION, action="store_true", help="permit writes to the copy: a staging site, which is gone at the end"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="such as  serve --bind :8001")


def run_at(bundle: Bundle, arguments: list[str]) -> int:
    is_writable = WRITABLE_OPTION in arguments  # also behind the command
    own, command = split([each for each in arguments if each != WRITABLE_OPTION])
    options = parse_options(bundle.program, "at", own, add_at_options)
    if not command:
        raise OptionError("there is no command", f"write it as in  {bundle.program} at yesterday serve --bind :8001")
    moment = parse_time(options.time, datetime.datetime.now(datetime.UTC))
    with (
        temporary_data(bundle.data) as folder,
        backup_at(moment, options.place, bundle) as backup,
        readable(backup, options.identity, bundle.data) as plain,
    ):
        prepare(bundle, plain, folder)
        print(f"{bundle.manifest.name} as of {backup.name}{'' if is_writable else ', read-only'}", file=sys.stderr)
        return run(command, folder, is_writable=is_writable)


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the command off: it begins with the second word that is no option.

    argparse would give the command all that follows the time, and so the options of `at`, too.
    """
    rest, own, has_time = [*words], list[str](), False
    while rest:
        is_option = rest[0].startswith("-")
        if not is_option and has_time:
            break
        has_time = has_time or not is_option
        own += [rest.pop(0) for _ in range(2 if rest[0] in VALUE_OPTIONS else 1) if rest]
    return own, rest


@contextlib.contextmanager
def temporary_data(data: Path) -> Iterator[Path]:
    """Yield a data directory for the copy. Remove those of commands that were killed."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in data.glob(f"{PREFIX}*"):
        if not is_locked(old / LOCK):
            shutil.rmtree(old, ignore_errors=True)
    busy = BackupError("another command uses the copy", "try again")
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX, dir=data, ignore_cleanup_errors=True) as folder,
        held(Path(folder, LOCK), busy),
    ):
        yield Path(folder)


def prepare(bundle: Bundle, backup: Path, folder: Path) -> None:
    """Restore the backup into the folder, and migrate it to this version."""
    environment = {variables.COPY_MODE: WRITABLE}
    where = ("--data-dir", str(folder))
    run_own(bundle, "restore", str(backup), "--hold", *where, error=BackupError, environment=environment)
    run_own(bundle, "migrate", "--noinput", "-v0", *where, error=BackupError, environment=environment)


def run(command: Sequence[str], folder: Path, *, is_writable: bool) -> int:
    """Run the command with the copy, and return its exit code. It gets the stop signals that this process gets."""
    name, *rest = command
    more = ["--backups", "off", *([] if is_writable else ["--no-migrate"])] if name == "serve" else []
    parent = os.getpid()
    process = subprocess.Popen(
        [sys.executable, name, *rest, *more, "--data-dir", str(folder)],
        env={**environment_without_service(), variables.COPY_MODE: WRITABLE if is_writable else READ_ONLY},
        preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 - this process has one thread
    )
    for number in STOP_SIGNALS:
        signal.signal(number, lambda received, _frame: process.send_signal(received))
    code = process.wait()
    return code if code >= 0 else 128 - code
