"""The warnings of ``/up`` about backups and holds. Neither makes the site less ready."""

from collections.abc import Sequence
from pathlib import Path

from djbundle.runtime.backup.outcomes import MESSAGES, Outcomes
from djbundle.runtime.core.hold import Hold
from djbundle.runtime.http.health import Findings, Health, ProblemSource


class SiteHealth(Health):
    """The health of the site with this data directory."""

    def __init__(self, path: str, data: Path, *, has_worker: bool, sources: Sequence[ProblemSource] = ()) -> None:
        super().__init__(path, has_worker=has_worker, sources=sources)
        self._data = data

    def _check_databases(self) -> Findings:
        """Check the databases, and read what is recorded of backups and holds."""
        problems, warnings = super()._check_databases()
        return Findings(problems, [*warnings, *warnings_of(self._data)])


def warnings_of(data: Path) -> list[str]:
    """Return them in words for anybody: without names and causes."""
    held = ["this is a held copy: it sends no mail and runs no task"] if Hold.read(data) else []
    return [*held, *(MESSAGES[step] for step in Outcomes.read(data).failing())]
