"""The checksum beside an encrypted backup, by which anybody can check it without the key: ``sha256sum -c FILE.sha256``.

It is written before the backup gets its name. So a backup without it was copied by hand.
"""

import hashlib
from pathlib import Path

from djbundle.errors import BackupError
from djbundle.runtime.core.own_files import write_own

SUFFIX = ".sha256"


def file_of(backup: Path) -> Path:
    return backup.with_name(backup.name + SUFFIX)


def write_checksum(backup: Path, digest: str) -> None:
    write_own(file_of(backup), f"{digest}  {backup.name}\n")


def check(backup: Path) -> bool:
    """Return whether there is a checksum, and it matches. Raise BackupError if it does not match."""
    try:
        expected = file_of(backup).read_text().split()[:1]
        with backup.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return False
    if [digest] != expected:
        raise BackupError(f"{backup} is damaged: it differs from its checksum", "use an older backup")
    return True
