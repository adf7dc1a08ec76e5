"""Django's ``migrate``, one process at a time. It names what the previous version cannot work with."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from djbundle.runtime.database.migration_lock import migration_lock
from djbundle.runtime.database.migrations import find_hazards_of

READING = ("check_unapplied", "plan")  # options with which nothing is written


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if any(options[name] for name in READING):
            super().handle(*args, **options)
            return
        connection = connections[options["database"]]
        with migration_lock(connection):
            if options["verbosity"] and not options["app_label"]:
                for hazard in find_hazards_of(connection):
                    self.stderr.write(f"note: {hazard.warning}")
            super().handle(*args, **options)
