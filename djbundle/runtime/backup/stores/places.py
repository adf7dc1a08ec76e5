"""Finds the store that a user has named by a URL. The client of each kind is loaded when it is needed."""

from djbundle.common.bucket_url import SCHEME as S3
from djbundle.runtime.backup import layout
from djbundle.runtime.backup.stores.sftp_url import SCHEME as SFTP
from djbundle.runtime.backup.stores.store import Store


def is_store(place: str) -> bool:
    """Return whether the user has named a place outside of this machine, and no file or folder."""
    return place.startswith((f"{S3}://", f"{SFTP}://"))


def open_store(place: str) -> Store:
    """Return the store of a URL. Raise BackupError if it is none."""
    if place.startswith(f"{SFTP}://"):
        from djbundle.runtime.backup.stores.sftp import SftpFolder  # noqa: PLC0415 - slow to load

        return SftpFolder.of(place)
    from djbundle.runtime.backup.stores.bucket import Bucket  # noqa: PLC0415 - slow to load

    return Bucket.of(place)


def split_place(place: str) -> tuple[str, str]:
    """Split the name of a backup off a URL. Return the URL of the folder, and the name, or "" if it has none."""
    path, mark, parameters = place.partition("?")
    folder, _, name = path.rpartition("/")
    return (f"{folder}{mark}{parameters}", name) if layout.has_suffix(name) else (place, "")
