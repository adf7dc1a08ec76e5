"""What was asked for in a visit, and what was seen."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final, Literal


@dataclass(frozen=True, slots=True)
class Request:
    """A page that was asked for, or a static file."""

    path: str
    superuser: bool = False

    def __str__(self) -> str:
        return f"GET {self.path}{' as a superuser' if self.superuser else ''}"

    @property
    def id(self) -> str:
        """For X-Request-ID."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:32]


# It ended its process; it did not answer in time; the connection was closed, and its process lives.
Fate = Literal["", "dies", "hangs", "breaks off"]
BREAKS_OFF: Final = "breaks off"


@dataclass(frozen=True, slots=True)
class Problem:
    what: str  # "GET /basket/ as a superuser", "migrate"
    said: str  # the last line of its traceback, or the status
    trace: str = ""
    request: Request | None = None
    fate: Fate = ""  # of a page that was not answered


@dataclass(slots=True)
class Visit:
    """What was seen."""

    is_empty: bool  # nothing else was there
    pages: int = 0
    files: int = 0
    tasks: int = 0
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)  # what the site said of itself: see in_bundle_scripts.py
