"""The backups that `serve` makes, each night or each hour. Expired ones are removed."""

import datetime
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from djbundle.contract.layout import BACKUPS
from djbundle.errors import DjbundleError
from djbundle.runtime.backup.policy import BackupPolicy, Frequency, Retention
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.logs.lines import log
from djbundle.runtime.process import forking
from djbundle.runtime.process.child import Child
from djbundle.runtime.process.supervisor import Supervisor

NAME = "backup"  # of the process
NIGHT = 3  # o'clock, UTC
NICENESS = 15
LONGEST_WAIT = 600.0  # seconds between checks of the clock: it may be set, and the machine may sleep
MEGABYTE = 1 << 20


class BackupSchedule:
    """Starts a process for each due backup. `load` sets Django up there, unless that is done already."""

    def __init__(
        self,
        supervisor: Supervisor,
        bundle: Bundle,
        policy: BackupPolicy,
        load: Callable[[], None],
    ) -> None:
        self._supervisor, self._bundle, self._policy, self._load = supervisor, bundle, policy, load
        if policy.frequency != Frequency.OFF:
            self._due = next_time(policy.frequency, now())
            self._wait()

    def _wait(self) -> None:
        seconds = (self._due - now()).total_seconds()
        self._supervisor.call_at(time.monotonic() + min(max(seconds, 0.0), LONGEST_WAIT), self._look)

    def _look(self) -> None:
        if self._supervisor.is_stopping:
            return
        if now() >= self._due:
            self._due = next_time(self._policy.frequency, now())
            self._start()
        self._wait()

    def _start(self) -> None:
        title = forking.title(self._bundle.manifest.name, NAME)
        run = partial(back_up_and_prune, self._bundle, self._policy, self._load)
        self._supervisor.add(Child(NAME, title, run, may_restart=False, on_exit=log_death))


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def next_time(frequency: Frequency, moment: datetime.datetime) -> datetime.datetime:
    """Return the next moment for a backup: the full hour, or three o'clock at night (UTC)."""
    step = datetime.timedelta(hours=1) if frequency == Frequency.HOURLY else datetime.timedelta(days=1)
    full = moment.replace(minute=0, second=0, microsecond=0)
    if frequency == Frequency.NIGHTLY:
        full = full.replace(hour=NIGHT)
    return full if full > moment else full + step


def log_death(code: int) -> None:
    """Log that a backup was killed. A backup that failed has logged its error itself."""
    if code < 0:
        log(f"the backup was killed by signal {-code}", "error")


def back_up_and_prune(bundle: Bundle, policy: BackupPolicy, load: Callable[[], None]) -> int:
    """Write a backup, copy it if the policy says so, and remove expired ones. Return the exit code of the process."""
    from djbundle.runtime.backup.contents import contents_of_settings  # noqa: PLC0415 - only the process of a backup needs
    from djbundle.runtime.backup.retention import remove_expired  # noqa: PLC0415 - what these load
    from djbundle.runtime.backup.writing import check_room, write_backup  # noqa: PLC0415

    os.nice(NICENESS)
    load()
    contents = contents_of_settings()
    if not contents.databases:  # database servers have backups of their own
        return 0
    folder = bundle.data / BACKUPS
    try:
        check_room(contents, folder)
        path = write_backup(bundle, contents, folder)
        removed = remove_expired(folder, bundle.manifest.name, policy.retention)
        older = f"; {len(removed)} older removed" if removed else ""
        log(f"backup {path} written, {path.stat().st_size / MEGABYTE:.1f} MB{older}")
        if policy.copy_to:
            copy_to_bucket(path, policy.copy_to, bundle.manifest.name, policy.retention)
    except DjbundleError as error:
        text = f"{error.cause}; fix: {error.fix}"
        log(text, "error")
        tell_admins(bundle.manifest.name, text)
        return error.exit_code
    return 0


def copy_to_bucket(backup: Path, copy_to: str, site: str, keep: Retention) -> None:
    """Copy a backup to a bucket, and remove expired ones there. Raise BackupError."""
    from djbundle.runtime.backup.bucket import Bucket  # noqa: PLC0415 - only the process of a backup needs it

    bucket = Bucket.of(copy_to)
    address = bucket.upload(backup)
    removed = bucket.remove_expired(site, keep)
    log(f"backup copied to {address}" + (f"; {removed} older removed there" if removed else ""))


def tell_admins(site: str, text: str) -> None:
    """Send a mail to ADMINS, if there are any. If the mail server is down, the log still has the failure."""
    from django.core.mail import mail_admins  # noqa: PLC0415 - needs the settings

    try:
        mail_admins(f"the backup of {site} failed", text)
    except Exception as error:  # the mail backend may raise any
        log(f"the mail about the failure was not sent: {error}", "error")
