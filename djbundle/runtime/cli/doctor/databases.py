"""The databases and the tasks in them. Django is set up."""

from collections.abc import Collection, Iterator
from functools import partial

from django.apps import apps
from django.db import connections

from djbundle.runtime.cli.doctor.findings import Finding, Level, run_check
from djbundle.runtime.database.migrations import file_of, find_pending, used_databases


def check_databases() -> Iterator[Finding]:
    """Yield the findings of each database, and of the tasks if their database is in order."""
    sound = set[str]()
    for alias in used_databases():
        findings = [*run_check(f"database {alias}", partial(check_database, alias))]
        if all(each.level is Level.OK for each in findings):
            sound.add(alias)
        yield from findings
    if apps.is_installed("djbundle.tasks"):
        yield from run_check("tasks", partial(check_tasks, sound))


def check_database(alias: str) -> Iterator[Finding]:
    """Yield whether a database answers and has all migrations. Only reads."""
    connection, name = connections[alias], f"database {alias}"
    if connection.vendor == "sqlite" and (file := file_of(connection)) and not file.exists():
        yield Finding.warning(name, f"{file} does not exist yet", "migrate, or serve, makes it")
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if pending := find_pending(connection):
        text = f"lacks {len(pending)} migrations, the first is {pending[0]}"
        yield Finding.error(name, text, "migrate")
    else:
        yield Finding.ok(name, f"answers and has all migrations ({connection.vendor})")


def check_tasks(sound: Collection[str]) -> Iterator[Finding]:
    """Yield whether tasks have failed, if their database is one of `sound`."""
    from djbundle.tasks.models import FAILED, TaskRecord  # noqa: PLC0415 - where the project has tasks
    from djbundle.tasks.store import transitions  # noqa: PLC0415

    if (alias := transitions.alias()) not in sound:
        return
    if failed := TaskRecord.objects.using(alias).filter(status=FAILED).count():
        text = f"{failed:,} {'task has' if failed == 1 else 'tasks have'} failed"
        yield Finding.warning("tasks", text, "tasks list --status failed  shows them, tasks retry  runs them again")
    else:
        yield Finding.ok("tasks", "none has failed")
