"""Django's ``dbshell``, which uses Python's own SQLite shell where the machine has no ``sqlite3`` program."""

import shutil
from sqlite3.__main__ import main as run_sqlite_shell  # type: ignore[import-not-found]  # not in the stubs
from typing import Any

from django.core.management.commands import dbshell
from django.db import connections


class Command(dbshell.Command):
    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "sqlite" or shutil.which("sqlite3"):
            super().handle(**options)
            return
        connection.close()
        run_sqlite_shell([str(connection.settings_dict["NAME"]), *options["parameters"]])
