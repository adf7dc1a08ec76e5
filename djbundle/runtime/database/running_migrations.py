"""Runs Django's `migrate` and keeps track of it: which migration runs, and how long each one took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import BaseCommand, call_command, get_commands, load_command_class

from djbundle.runtime.logs.lines import log

LONG = 1.0  # seconds; a migration that takes longer is told in the log


class MigrationProgress:
    """The progress of one run of `migrate`."""

    def __init__(self) -> None:
        self.current = ""  # "app.name" of the migration that runs
        self.seconds: dict[str, float] = {}  # of each one that was applied
        self._began_at = 0.0

    def note(self, action: str, migration: object) -> None:
        """Take a message of Django's executor."""
        if action == "apply_start":
            self.current = f"{migration.app_label}.{migration.name}"  # type: ignore[attr-defined]
            self._began_at = time.monotonic()
        elif action == "apply_success":
            self.seconds[self.current] = took = time.monotonic() - self._began_at
            if took >= LONG:
                log(f"the migration {self.current} took {took:.1f} s")
            self.current = ""


@contextmanager
def tracked_command(progress: MigrationProgress) -> Iterator[BaseCommand]:
    """Yield the `migrate` of Django, or of the app that replaces it."""
    found: Any = get_commands()["migrate"]
    command: Any = found if isinstance(found, BaseCommand) else load_command_class(found, "migrate")
    inner = getattr(command, "migration_progress_callback", None)

    def callback(action: str, migration: object = None, fake: bool = False) -> None:
        progress.note(action, migration)
        if inner:
            inner(action, migration, fake)

    command.migration_progress_callback = callback
    yield command


def run_migrate(alias: str, progress: MigrationProgress) -> None:
    """Apply the missing migrations of a database. Raise whatever a migration raises."""
    with tracked_command(progress) as command:
        call_command(command, database=alias, interactive=False, verbosity=0)
