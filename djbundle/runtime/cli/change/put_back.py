"""Puts the databases back to backups from before an upgrade, in the way of a restore while the site serves."""

import contextlib
import datetime
import shutil
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from djbundle.errors import BackupError
from djbundle.runtime.backup.exchange import Exchange, Restore
from djbundle.runtime.backup.reading import check_database
from djbundle.runtime.backup.restoring import stage
from djbundle.runtime.cli.backup.restore import staging
from djbundle.runtime.database import sqlite
from djbundle.runtime.process.privileges import acting_as_owner


@contextlib.contextmanager
def databases_put_back(data: Path, backups: Mapping[str, str], unknown: Collection[str]) -> Iterator[list[Path]]:
    """Order the process that takes over next to put these backups in place. Yield where it keeps the newer databases.

    `unknown` are the migrations that must not be in the backups. Raise BackupError if a backup is not usable; then
    nothing has changed.
    """
    with contextlib.ExitStack() as stack:
        with acting_as_owner(data):
            folder = stack.enter_context(staging(data))
            try:
                order = Restore(data, [*_exchanges(folder, backups, unknown)])
                order.write()
            except (OSError, sqlite3.Error) as error:
                raise BackupError(f"the backup was not put in place: {error}", "nothing has changed") from error
        try:
            yield [Path(each.kept) for each in order.exchanges]
        finally:
            with acting_as_owner(data):
                stack.close()


def _exchanges(folder: Path, backups: Mapping[str, str], unknown: Collection[str]) -> Iterator[Exchange]:
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    for number, (database, backup) in enumerate(backups.items()):
        copy = folder / f"{number}.sqlite3"
        if shutil.disk_usage(folder).free < Path(backup).stat().st_size + sqlite.RESERVE:
            raise BackupError(f"there is too little room to put {backup} back", "make room; nothing has changed")
        sqlite.copy_database(Path(backup), copy)
        if newer := set(check_database(copy, Path(backup))) & set(unknown):
            raise BackupError(
                f"{backup} has {min(newer)}, which the previous version does not know",
                "`backup --list` shows others for `restore`; nothing has changed",
            )
        yield stage(copy, Path(database), True, stamp)
