"""The record of how the last backup, its copy and its proof ended. It lies beside the backups."""

import json
import time
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from djbundle.contract.layout import BACKUPS
from djbundle.runtime.core.own_files import read_own, write_own

FILE = "outcomes.json"


class Step(StrEnum):
    """The steps of a night. Each may fail by itself."""

    BACKUP = "backup"
    COPY = "copy"
    PROOF = "proof"


MESSAGES = {
    Step.BACKUP: "the last backup failed",
    Step.COPY: "the last backup was not copied",
    Step.PROOF: "the proof of the last backup failed",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last success and the last failure of a step, in seconds since 1970; 0: there was none."""

    worked_at: float = 0.0
    failed_at: float = 0.0
    cause: str = ""  # of the failure
    backup: str = ""  # the name of the one with which it worked

    @property
    def is_failing(self) -> bool:
        return self.failed_at > self.worked_at


@dataclass(frozen=True, slots=True)
class Outcomes:
    steps: dict[Step, Outcome] = field(default_factory=dict)

    @classmethod
    def read(cls, data: Path) -> Self:
        """Return what is recorded. A record that is absent or damaged is empty."""
        try:
            fields: dict[str, Any] = json.loads(read_own(data / BACKUPS / FILE))
            return cls({Step(name): Outcome(**outcome) for name, outcome in fields.items()})
        except (OSError, ValueError, TypeError, AttributeError):
            return cls()

    def of(self, step: Step) -> Outcome:
        return self.steps.get(step, Outcome())

    def failing(self) -> list[Step]:
        return [step for step in Step if self.of(step).is_failing]

    def with_success(self, step: Step, backup: str) -> "Outcomes":
        return self._with(step, replace(self.of(step), worked_at=time.time(), backup=backup))

    def with_failure(self, step: Step, cause: str) -> "Outcomes":
        return self._with(step, replace(self.of(step), failed_at=time.time(), cause=cause))

    def _with(self, step: Step, outcome: Outcome) -> "Outcomes":
        return Outcomes({**self.steps, step: outcome})

    def write(self, data: Path) -> None:
        (data / BACKUPS).mkdir(mode=0o700, exist_ok=True)
        write_own(data / BACKUPS / FILE, json.dumps({step: asdict(each) for step, each in self.steps.items()}))
