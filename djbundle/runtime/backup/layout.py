"""The layout of a backup: a tar archive, compressed by zstd, which standard tools open too.

::

    about.json                          Facts: the site, the version and the time
    databases/default.sqlite3           as of one moment, with its log
    databases/default.sqlite3-wal
    media/...                           the uploads
    data/secret_key
    SHA256SUMS                          hashes of all files, for `sha256sum -c`

``zstd -d < FILE | tar -x`` unpacks it, and ``sqlite3 databases/default.sqlite3`` opens the database. An encrypted one
has the suffix .age, and its checksum lies beside it: ``age -d -i KEYS FILE | zstd -d | tar -x``.
"""

import datetime
import json
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from djbundle.errors import BackupError

FORMAT = 1
ABOUT, SUMS = "about.json", "SHA256SUMS"
DATABASES, MEDIA, DATA = "databases", "media", "data"
SUFFIX = ".tar.zst"
ENCRYPTED_SUFFIX = f"{SUFFIX}.age"
TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The site, the version and the time of a backup."""

    site: str  # the bundle's name
    version: str
    commit: str | None
    created: str  # ISO 8601, UTC, whole seconds
    databases: list[str]  # aliases
    servers: list[str]  # aliases of databases on servers, which the backup does not contain
    has_media: bool
    origin: str = ""  # of the data directory, see core/hold.py
    format: int = FORMAT

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, data: bytes, source: Path) -> Self:
        """Raise BackupError for facts that this version cannot read. `source` is the backup, for the error."""
        try:
            fields = json.loads(data)
            facts = cls(**{name: value for name, value in fields.items() if name in cls.__slots__})
        except (ValueError, TypeError, AttributeError) as error:
            raise BackupError(f"{source} is no backup of a site", "name a file that `backup` has written") from error
        if facts.format > FORMAT:
            raise BackupError(
                f"{source} has format {facts.format}, and this version reads {FORMAT}",
                f"restore it with version {facts.version} of the site, or a later one",
            )
        return facts


def file_name(site: str, moment: datetime.datetime, *, is_encrypted: bool = False) -> str:
    suffix = ENCRYPTED_SUFFIX if is_encrypted else SUFFIX
    return f"{site}-{moment.astimezone(datetime.UTC).strftime(TIME)}{suffix}"


def is_encrypted(backup: Path) -> bool:
    return backup.name.endswith(ENCRYPTED_SUFFIX)


def has_suffix(name: str) -> bool:
    """Return whether a name ends as that of a backup."""
    return name.endswith((SUFFIX, ENCRYPTED_SUFFIX))


def moment_of(name: str, site: str) -> datetime.datetime | None:
    """Return the time in the name of a backup of this site; None for another file."""
    suffix = ENCRYPTED_SUFFIX if name.endswith(ENCRYPTED_SUFFIX) else SUFFIX
    stamp = name.removeprefix(f"{site}-").removesuffix(suffix)
    if name != f"{site}-{stamp}{suffix}":
        return None
    try:
        return datetime.datetime.strptime(stamp, TIME).replace(tzinfo=datetime.UTC)
    except ValueError:
        return None


def database_member(alias: str) -> str:
    return f"{DATABASES}/{alias}.sqlite3"


def is_member(name: str) -> bool:
    """Return whether a name is allowed in a backup: below one of our folders, and not leading out of it."""
    path = PurePosixPath(name)
    is_below = len(path.parts) > 1 and path.parts[0] in (DATABASES, MEDIA, DATA)
    return (is_below or name in (ABOUT, SUMS)) and not path.is_absolute() and ".." not in path.parts
