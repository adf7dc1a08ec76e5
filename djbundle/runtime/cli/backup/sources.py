"""The backup that a command line names: a file, the newest one of a folder or of a store, or a file in a store."""

import contextlib
import datetime
import tempfile
from collections.abc import Iterator
from pathlib import Path

from djbundle.common.bucket_url import SCHEME
from djbundle.contract.layout import BACKUPS
from djbundle.errors import BackupError
from djbundle.runtime.backup import checksum, layout
from djbundle.runtime.backup.encryption import IDENTITY_FIX, decrypt
from djbundle.runtime.backup.retention import list_backups
from djbundle.runtime.backup.stores.places import is_store, open_store, split_place
from djbundle.runtime.backup.stores.store import Store
from djbundle.runtime.backup.times import newest_before
from djbundle.runtime.core.bundle import Bundle
from djbundle.runtime.core.own_files import open_own

LATEST = "latest"
LIST_FIX = "`backup --list` shows which there are"


def folder_of(data: Path) -> Path:
    return data / BACKUPS


@contextlib.contextmanager
def backup_file(name: str, place: str | None, bundle: Bundle) -> Iterator[Path]:
    """Yield the file of a backup. One in a store is copied into the data directory for the duration of the block.

    `name` may be LATEST, then `place` is the folder or the store to look in; by default the folder of `serve`. Raise
    BackupError if there is no backup.
    """
    site = bundle.manifest.name
    place = str(place or folder_of(bundle.data))
    if name == LATEST and is_store(place):
        name = place
    if is_store(name):
        with _fetched(*_in_store(name, site), bundle.data) as backup:
            yield backup
    else:
        yield _newest(Path(place), site) if name == LATEST else Path(name)


@contextlib.contextmanager
def backup_at(moment: datetime.datetime, place: str | None, bundle: Bundle) -> Iterator[Path]:
    """Yield the newest backup that is not younger than `moment`, of the place or of the folder of `serve`.

    Raise BackupError if all are younger.
    """
    site, place = bundle.manifest.name, str(place or folder_of(bundle.data))
    store = open_store(place) if is_store(place) else None
    backups = store.list(site) if store else list_backups(Path(place), site)
    name = newest_before((each.name for each in backups), site, moment)
    if name is None:
        text = moment.astimezone(datetime.UTC).isoformat(sep=" ", timespec="minutes")[:16]
        raise BackupError(f"{store.address('') if store else place} has no backup of {text} UTC or before", LIST_FIX)
    if store is None:
        yield Path(place, name)
        return
    with _fetched(store, name, bundle.data) as backup:
        yield backup


@contextlib.contextmanager
def _fetched(store: Store, name: str, data: Path) -> Iterator[Path]:
    """Yield a copy of a backup, which lies in the data directory for the duration of the block."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetched-", dir=data) as folder:
        yield store.download(name, Path(folder))


@contextlib.contextmanager
def readable(backup: Path, identity: Path | None, data: Path) -> Iterator[Path]:
    """Yield the backup; an encrypted one is decrypted into the data directory for the duration of the block.

    `identity` is a file of private keys. Raise BackupError if none of them fits.
    """
    if not layout.is_encrypted(backup):
        yield backup
        return
    if identity is None:
        raise BackupError(f"{backup} is encrypted", IDENTITY_FIX)
    checksum.check(backup)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".decrypted-", dir=data) as folder:
        plain = Path(folder, backup.name.removesuffix(".age"))
        with open(plain, "xb", opener=open_own) as file:
            decrypt(backup, file, identity)
        yield plain


def _in_store(text: str, site: str) -> tuple[Store, str]:
    """Return the store, and the name of the backup in it: the newest one if the URL names none."""
    place, name = split_place(text)
    store = open_store(place)
    if name:
        return store, name
    newest = next(iter(store.list(site)), None)
    if newest is None:
        raise BackupError(f"there is no backup of {site} in {store.address('')}", f"`backup {SCHEME}://...` writes one")
    return store, newest.name


def _newest(folder: Path, site: str) -> Path:
    newest = next(iter(list_backups(folder, site)), None)
    if newest is None:
        raise BackupError(f"there is no backup in {folder}", "`backup` writes one")
    return newest
