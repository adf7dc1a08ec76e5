"""The parts of a site besides its bundle: databases and uploads.

A separate process reads them from the settings.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from djbundle.errors import BackupError
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.own_process import run_own

CODE = "from djbundle.runtime.backup import contents; contents.print_contents()"
SECRET_FILES = ("secret_key",)  # in the data directory; without them, sessions and signed links become invalid


@dataclass(frozen=True, slots=True)
class Contents:
    """The parts of a site."""

    databases: dict[str, str]  # SQLite files, by alias
    servers: dict[str, str]  # kinds of database servers, by alias; a backup does not contain their data
    media: str  # folder of uploads; "" if they are kept elsewhere
    known: list[str]  # the migrations that this version has, as "app.name"

    @classmethod
    def ask(cls, bundle: Bundle) -> Self:
        return cls(**json.loads(run_own(bundle, "-c", CODE, error=BackupError)))


def print_contents() -> None:
    import django  # noqa: PLC0415 - the command itself runs without Django

    django.setup()
    print(json.dumps(asdict(contents_of_settings())))


def contents_of_settings() -> Contents:
    """Return the parts that the settings of this process name. Connect to nothing."""
    from django.conf import settings  # noqa: PLC0415 - the command itself runs without Django
    from django.db import connections  # noqa: PLC0415
    from django.db.migrations.loader import MigrationLoader  # noqa: PLC0415

    from djbundle.runtime.database.migrations import file_of, is_sqlite, used_databases  # noqa: PLC0415

    databases, servers = {}, {}
    for alias in used_databases():
        connection = connections[alias]
        if file := file_of(connection):
            databases[alias] = str(file)
        elif not is_sqlite(connection):
            servers[alias] = connection.display_name
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    known = sorted(".".join(key) for key in loader.disk_migrations)
    media = str(settings.MEDIA_ROOT or "")
    return Contents(databases, servers, media if Path(media).is_absolute() else "", known)
