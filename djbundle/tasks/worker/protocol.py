"""The messages between the worker and its processes, pickled, through a pipe."""

from dataclasses import dataclass
from typing import Any, Self

from djbundle.tasks.store.claimed_run import Row
from djbundle.tasks.store.outcome import Outcome

RECALL = "recall"  # give back what has not started


@dataclass(frozen=True, slots=True)
class RunMessage:
    """Run these tasks; or, if `are_overdue`, compute what follows runs that exceeded their timeout."""

    rows: list[Row]
    alias: str
    are_overdue: bool = False


@dataclass(frozen=True, slots=True)
class CancelMessage:
    """Ask tasks to stop."""

    pks: frozenset[int]


@dataclass(frozen=True, slots=True)
class OutcomesMessage:
    """The outcomes of runs, and the sum of the seconds that these took."""

    rows: list[tuple[Any, ...]]  # outcomes as plain tuples, which are pickled in a third of the time
    seconds: float

    @classmethod
    def of(cls, outcomes: list[Outcome], seconds: float) -> Self:
        return cls([tuple(each) for each in outcomes], seconds)

    @property
    def outcomes(self) -> list[Outcome]:
        return [Outcome._make(row) for row in self.rows]


@dataclass(frozen=True, slots=True)
class RecalledMessage:
    """The answer to RECALL: tasks that had not started."""

    pks: list[int]


@dataclass(frozen=True, slots=True)
class ProgressMessage:
    """The progress of a run, see context.py."""

    pk: int
    epoch: int
    values: dict[str, Any]


WorkerMessage = RunMessage | CancelMessage | str
ProcessMessage = OutcomesMessage | RecalledMessage | ProgressMessage
