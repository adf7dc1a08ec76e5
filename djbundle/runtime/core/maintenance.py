"""The file in the data directory that puts a site into maintenance: who may still use it, and when to come back."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from djbundle.runtime.core.own_files import read_own, remove_own, write_own

FILE = "maintenance.json"
RETRY_AFTER = 300  # seconds


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A maintenance that is going on."""

    allowed: str = ""  # networks whose clients get the site all the same, joined by commas
    retry_after: int = RETRY_AFTER  # seconds until clients should ask again
    since: float = field(default_factory=time.time)  # seconds since 1970

    @classmethod
    def read(cls, data: Path) -> Self | None:
        """Return the maintenance of a site, or None. A damaged file means one, too; one of another user does not."""
        try:
            return cls(**json.loads(read_own(data / FILE)))
        except OSError:
            return None
        except (ValueError, TypeError):
            return cls()

    def write(self, data: Path) -> None:
        write_own(data / FILE, json.dumps(asdict(self)))

    def describe(self) -> str:
        whom = f" except to {self.allowed}" if self.allowed else ""
        since = time.strftime("%Y-%m-%d %H:%M", time.gmtime(self.since))
        return f"in maintenance since {since} UTC: every page is answered 503{whom}"


def end_maintenance(data: Path) -> None:
    remove_own(data / FILE)
