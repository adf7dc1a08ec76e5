"""The backup that a command line names: a file, the newest one of a folder or of a bucket, or a file in a bucket."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from djbundle.common.bucket_url import NAME, SCHEME, BucketUrl
from djbundle.contract.layout import BACKUPS
from djbundle.errors import BackupError
from djbundle.runtime.backup import layout
from djbundle.runtime.backup.bucket import Bucket
from djbundle.runtime.backup.retention import list_backups
from djbundle.runtime.core.bundle import Bundle

LATEST = "latest"


def is_bucket(place: str) -> bool:
    """Return whether the user has named a bucket, and no file or folder."""
    return place.startswith(f"{SCHEME}://")


def folder_of(data: Path) -> Path:
    return data / BACKUPS


@contextlib.contextmanager
def backup_file(name: str, place: str | None, bundle: Bundle) -> Iterator[Path]:
    """Yield the file of a backup. One in a bucket is copied into the data directory for the duration of the block.

    `name` may be LATEST, then `place` is the folder or the bucket to look in; by default the folder of `serve`. Raise
    BackupError if there is no backup.
    """
    site = bundle.manifest.name
    place = str(place or folder_of(bundle.data))
    if name == LATEST and is_bucket(place):
        name = place
    if is_bucket(name):
        bundle.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetched-", dir=bundle.data) as folder:
            bucket, file = _in_bucket(name, site)
            yield bucket.download(file, Path(folder))
    else:
        yield _newest(Path(place), site) if name == LATEST else Path(name)


def _in_bucket(text: str, site: str) -> tuple[Bucket, str]:
    """Return the bucket, and the name of the backup in it: the newest one if the URL names none."""
    url = BucketUrl.parse(text, NAME, BackupError)
    folder, _, name = url.prefix.rpartition("/")
    if name.endswith(layout.SUFFIX):
        return Bucket(replace(url, prefix=folder)), name
    bucket = Bucket(url)
    newest = next(iter(bucket.list(site)), None)
    if newest is None:
        raise BackupError(f"there is no backup of {site} in {bucket.address('')}", "`backup s3://...` writes one")
    return bucket, newest.name


def _newest(folder: Path, site: str) -> Path:
    newest = next(iter(list_backups(folder, site)), None)
    if newest is None:
        raise BackupError(f"there is no backup in {folder}", "`backup` writes one")
    return newest
