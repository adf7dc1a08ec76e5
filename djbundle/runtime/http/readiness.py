"""Checks what a site needs to work: databases that answer, are migrated and can be written, and a task worker."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import Error, connections
from django.utils import timezone

from djbundle.runtime.database.migrations import find_pending, used_databases

MIN_FREE_SPACE = 10 << 20  # bytes free on the disk of a database; SQLite's log alone grows to 4 MB

_checks: list[Callable[[], str | None]] = []  # checks of this process

WORKER_START = 10.0  # seconds for the worker to start, in which the one of the previous version has left already

_worker_due = float("-inf")  # when its first heartbeat is due, monotonic seconds

_up_to_date: set[str] = set()  # databases with all migrations; a running site does not undo a migration


def find_problems(*, has_worker: bool) -> list[str]:
    """Return what is wrong, in words that reveal no secret. Call it from one thread, which keeps its connections."""
    own = [problem for check in _checks if (problem := check())]
    return [*own, *_problems_of_databases(), *(_problems_of_worker() if has_worker else [])]


def find_warnings() -> list[str]:
    """Return what is wrong but makes the site no less ready, in words that reveal no secret.

    One example is a broker that does not answer: the site answers, `enqueue` works, and tasks wait in the database. If
    this took all hosts out of the load balancer, an outage of the broker would become one of the site.
    """
    if not apps.is_installed("djbundle.tasks"):
        return []
    from djbundle.tasks.engine.relay_registry import broker_status  # noqa: PLC0415 - where the project has tasks

    try:
        status = broker_status()
    except Error:
        return []  # reported as a problem
    outage = status and status.describe()
    return [outage] if outage else []


def add_check(check: Callable[[], str | None]) -> None:
    """Add a check of this process to the health check."""
    _checks.append(check)


def await_worker() -> None:
    """Give the worker time to start. Call it before the fork in a version that takes over from another one."""
    global _worker_due  # noqa: PLW0603 - as the other state of this process
    _worker_due = time.monotonic() + WORKER_START


def _problems_of_databases() -> list[str]:
    problems = []
    for alias in used_databases():
        connection = connections[alias]
        try:
            problem = _problem_of(connection)
        except Error:
            problem = "does not answer"
        finally:
            connection.close_if_unusable_or_obsolete()
        if problem:
            problems.append(f'the database "{alias}" {problem}')
    return problems


def _problem_of(connection: Any) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()" if connection.vendor == "postgresql" else "SELECT 0")
        (is_read_only,) = cursor.fetchone()
    if is_read_only:
        return "is read-only"
    if not _is_up_to_date(connection):
        return "lacks migrations"
    return _problem_of_file(Path(connection.settings_dict["NAME"])) if connection.vendor == "sqlite" else None


def _is_up_to_date(connection: Any) -> bool:
    if connection.alias not in _up_to_date:
        if find_pending(connection):
            return False
        _up_to_date.add(connection.alias)
    return True


def _problem_of_file(path: Path) -> str | None:
    """Return what is wrong with the file of a database. A database in memory has no file."""
    if not path.is_file():
        return None
    if not os.access(path, os.W_OK):
        return "is read-only"
    disk = os.statvfs(path)
    return "has no room left on its disk" if disk.f_bavail * disk.f_frsize < MIN_FREE_SPACE else None


def _problems_of_worker() -> list[str]:
    from djbundle.tasks import options  # noqa: PLC0415 - where the project has tasks
    from djbundle.tasks.models import WorkerRecord  # noqa: PLC0415
    from djbundle.tasks.store import transitions  # noqa: PLC0415 - where the project has tasks

    try:
        workers = WorkerRecord.objects.using(transitions.alias()).filter(seen_at__gt=timezone.now() - options.lease())
        is_missing = not workers.exists() and time.monotonic() > _worker_due
        return ["no task worker sends heartbeats"] if is_missing else []
    except Error:
        return []  # already reported
