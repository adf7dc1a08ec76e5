"""The requests of a crawl, and the record of what it found."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from djbundle.contract.request_names import quote_request


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a page or a static file."""

    path: str
    superuser: bool = False

    def __str__(self) -> str:
        return f"GET {self.path}{' as a superuser' if self.superuser else ''}"

    @property
    def id(self) -> str:
        """The value for X-Request-ID."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:32]

    @property
    def quoted(self) -> str:
        """The request as the site names it when its process dies: "GET /path". It does not know of superusers."""
        return quote_request("GET", self.path)


# Dies: the page ended its process. Hangs: it did not answer in time. Breaks off: the connection was closed, but the
# process lives.
Fate = Literal["", "dies", "hangs", "breaks off"]
BREAKS_OFF: Final = "breaks off"


@dataclass(frozen=True, slots=True)
class Problem:
    what: str  # "GET /basket/ as a superuser", "migrate"
    message: str  # the last line of its traceback, or the status
    trace: str = ""
    request: Request | None = None
    fate: Fate = ""  # if the page did not answer


@dataclass(slots=True)
class CrawlRecord:
    """The record of one crawl: what was requested, and the problems."""

    is_empty: bool  # whether the bundle ran isolated, in an empty root
    pages: int = 0
    files: int = 0
    tasks: int = 0
    seconds: float = 0.0  # from the first command to the last page
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    site_facts: dict[str, Any] = field(
        default_factory=dict
    )  # what the site reported about itself: see in_bundle_scripts.py

    def set_problem(self, problem: Problem) -> None:
        """Add the problem of a page, in place of an earlier problem of the same page."""
        self.problems = [*(each for each in self.problems if each.request != problem.request), problem]
