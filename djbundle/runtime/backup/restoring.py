"""Prepares a restore: unpacks a backup, checks that it is complete and fits the site, and plans the exchange.

All slow steps happen here. The exchange itself, in exchange.py, only renames files.
"""

import datetime
import filecmp
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from djbundle.errors import BackupError
from djbundle.runtime.backup import layout, reading
from djbundle.runtime.backup.contents import SECRET_FILES, Contents
from djbundle.runtime.backup.exchange import Exchange, Restore
from djbundle.runtime.backup.layout import Facts
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.own_files import sync_file

STAGED = ".restored"  # suffix of a new file beside its target


@dataclass(frozen=True, slots=True)
class CheckedBackup:
    """An unpacked backup that has passed its checks."""

    folder: Path
    name: str  # of its file
    facts: Facts
    migrations: list[str]  # applied in the backup, as "app.name"


def unpack_and_check(backup: Path, folder: Path, name: str = "") -> CheckedBackup:
    """Unpack a backup, and check each of its databases. Raise BackupError. `name` is that which the user knows."""
    facts = reading.unpack(backup, folder)
    migrations: set[str] = set()
    for alias in facts.databases:
        database = folder / layout.database_member(alias)
        if database.exists():
            migrations |= set(reading.check_database(database, backup))
    return CheckedBackup(folder, name or backup.name, facts, sorted(migrations))


def check_fits(checked: CheckedBackup, bundle: Bundle, contents: Contents) -> None:
    """Raise BackupError if the backup is of another site, or of a version whose tables this one does not know."""
    facts, site = checked.facts, bundle.manifest.name
    if facts.site != site:
        raise BackupError(f"the backup is of {facts.site}, and this is {site}", "name a backup of this site")
    if unknown := sorted(set(checked.migrations) - set(contents.known)):
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise BackupError(
            f"the backup has migrations that {site} {bundle.manifest.version} does not know: "
            f"{', '.join(unknown[:3])}{more}",
            f"restore it with version {facts.version}, which wrote it",
        )
    if missing := sorted(set(facts.databases) - set(contents.databases)):
        raise BackupError(
            f'the backup has the SQLite database "{missing[0]}", but the settings have none of that name',
            "see DATABASES and DATABASE_URL",
        )


def plan(checked: CheckedBackup, contents: Contents, data: Path, *, with_secrets: bool) -> Restore:
    """Return the exchanges of files that a restore makes."""
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    pairs = [
        (checked.folder / layout.database_member(alias), Path(contents.databases[alias]), True)
        for alias in checked.facts.databases
    ]
    if with_secrets:
        pairs += [(checked.folder / layout.DATA / name, data / name, False) for name in SECRET_FILES]
    if contents.media:
        pairs += _uploads(checked.folder / layout.MEDIA, Path(contents.media))
    return Restore(data, [stage(*pair, stamp) for pair in pairs if pair[0].exists()])


def _uploads(source: Path, media: Path) -> Iterator[tuple[Path, Path, bool]]:
    """Yield the uploads that are missing from the site, or differ there.

    Uploads that are newer than the backup stay: another restore may bring back the rows that name them.
    """
    for folder, _, names in os.walk(source):
        for name in names:
            new = Path(folder, name)
            target = media / new.relative_to(source)
            if not (target.is_file() and filecmp.cmp(new, target, shallow=False)):
                yield new, target, False


def stage(new: Path, target: Path, is_database: bool, stamp: str) -> Exchange:
    """Copy a new file to the file system of its target, so that the exchange only has to rename it."""
    kept = target.with_name(f"{target.name}.before-restore-{stamp}")
    folder = next(parent for parent in target.parents if parent.exists())
    if folder.stat().st_dev != new.stat().st_dev:
        staged = folder / f".{target.name}{STAGED}"
        shutil.move(new, staged)
        new = staged
    sync_file(new)  # its name is durable after the exchange, so its content has to be
    return Exchange(str(new), str(target), str(kept), is_database)
