"""A held copy: a data directory that sends no mail and runs no task until `resume`.

`restore` holds what it restores from the backup of another data directory. Two sites with the same orders would send
each customer two mails, and charge twice. A backup tells its origin, which is a random name of its data directory.
"""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from djbundle.errors import HeldError
from djbundle.runtime.core.own_files import read_own, remove_own, write_own

FILE = "held.json"
ORIGINS = "origins"  # a file with the names of this data directory: its own, and those of copies that it resumed
ADVICE = "`resume` ends that, when this is to be the live site"


@dataclass(frozen=True, slots=True)
class Hold:
    """The cause of a hold."""

    backup: str  # the name of its file
    created: str  # of the backup, ISO 8601
    origin: str  # of the backup; "": an older version wrote it

    @classmethod
    def read(cls, data: Path) -> Self | None:
        """Return the hold of a data directory, or None. A file that is damaged or cannot be read holds, too."""
        try:
            return cls(**json.loads(read_own(data / FILE)))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError):
            return cls("a backup", "", "")

    def write(self, data: Path) -> None:
        write_own(data / FILE, json.dumps(asdict(self)))

    def describe(self) -> str:
        return f"a held copy, restored from {self.backup}: it sends no mail and runs no task"

    def refusal(self, data: Path) -> HeldError:
        """Return the error for what would run tasks of this data directory."""
        return HeldError(f"{data} is {self.describe()}", ADVICE)


def release(data: Path) -> None:
    """End the hold."""
    remove_own(data / FILE)


def own_origin(data: Path) -> str:
    """Return the name of the data directory. The first call makes it."""
    if known := origins(data):
        return known[0]
    add_origin(data, secrets.token_hex(16))
    return origins(data)[0]


def origins(data: Path) -> list[str]:
    """Return the origins of backups that are of this site: its own one comes first."""
    try:
        return read_own(data / ORIGINS).split()
    except (FileNotFoundError, NotADirectoryError):
        return []


def add_origin(data: Path, origin: str) -> None:
    """From now on, a backup of this origin is one of this site."""
    known = origins(data)
    if origin and origin not in known:
        write_own(data / ORIGINS, "".join(f"{each}\n" for each in [*known, origin]))
