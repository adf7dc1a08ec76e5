"""The backups that `serve` makes, each night or each hour. Expired ones are removed."""

import datetime
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from djbundle.contract.layout import BACKUPS
from djbundle.runtime.backup.attempts import Attempts
from djbundle.runtime.backup.outcomes import Outcomes, Step
from djbundle.runtime.backup.policy import BackupPolicy, Frequency, Retention
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.hold import Hold
from djbundle.runtime.logs.lines import log
from djbundle.runtime.process import forking
from djbundle.runtime.process.child import Child
from djbundle.runtime.process.supervisor import Supervisor

NAME = "backup"  # of the process
NIGHT = 3  # o'clock, UTC
NICENESS = 15
LONGEST_WAIT = 600.0  # seconds between checks of the clock: it may be set, and the machine may sleep
PROOF_INTERVAL = 20 * 3600.0  # seconds between proofs
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
    """Write a backup, remove expired ones, and copy and prove it if the policy says so. Return the exit code."""
    from djbundle.runtime.backup.contents import contents_of_settings  # noqa: PLC0415 - only the process of a backup needs
    from djbundle.runtime.backup.retention import remove_expired  # noqa: PLC0415 - what these load
    from djbundle.runtime.backup.writing import check_room, size_of, written  # noqa: PLC0415

    os.nice(NICENESS)
    load()
    contents = contents_of_settings()
    if not contents.databases:  # database servers have backups of their own
        return 0
    folder, attempts = bundle.data / BACKUPS, Attempts(bundle)
    with attempts.of(Step.BACKUP):
        check_room(contents, folder, copies=2 if policy.recipients else 1)
        with written(bundle, contents, folder, policy.recipients) as backup:
            attempts.backup = backup.path.name
            removed = remove_expired(folder, bundle.manifest.name, policy.retention)
            older = f"; {len(removed)} older removed" if removed else ""
            log(f"backup {backup.path} written, {backup.path.stat().st_size / MEGABYTE:.1f} MB{older}")
            if policy.copy_to and may_copy(bundle.data):
                with attempts.of(Step.COPY):
                    copy_to_store(backup.path, policy.copy_to, bundle.manifest.name, policy.retention)
            if policy.is_proved and is_proof_due(bundle.data):
                with attempts.of(Step.PROOF):
                    prove_backup(backup.plain, bundle.data, size_of(contents))
    return attempts.exit_code


def may_copy(data: Path) -> bool:
    """Return False for a held copy: its backups would take the places of those of the live site."""
    hold = Hold.read(data)
    if hold:
        log(f"the backup is not copied: this is {hold.describe()}", "warning")
    return hold is None


def is_proof_due(data: Path) -> bool:
    """Return whether the last proof failed or is of another night: hourly backups are proved once a day."""
    outcome = Outcomes.read(data).of(Step.PROOF)
    return outcome.is_failing or time.time() - outcome.worked_at > PROOF_INTERVAL


def prove_backup(plain: Path, data: Path, size: int) -> None:
    """Prove a backup, before or after it is encrypted: its private key is not here. Raise BackupError."""
    from djbundle.runtime.backup.proving import prove  # noqa: PLC0415 - only the process of a backup needs it

    proof = prove(plain, data, size)
    log(f"the backup is proved: {proof}")


def copy_to_store(backup: Path, copy_to: str, site: str, keep: Retention) -> None:
    """Copy a backup to a store, and remove expired ones there. Raise BackupError."""
    from djbundle.runtime.backup.stores.places import open_store  # noqa: PLC0415 - only the process of a backup needs it

    store = open_store(copy_to)
    address = store.upload(backup)
    removed = store.remove_expired(site, keep)
    log(f"backup copied to {address}" + (f"; {removed} older removed there" if removed else ""))
