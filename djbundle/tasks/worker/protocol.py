"""What the worker and its processes tell each other, through a pipe, pickled."""

from dataclasses import dataclass
from typing import Any, Self

from djbundle.tasks.store.claimed_run import Row
from djbundle.tasks.store.outcome import Outcome

RECALL = "recall"  # give back what has not begun


@dataclass(frozen=True, slots=True)
class Given:
    """Run these; or say what follows, when they have taken longer than they may."""

    rows: list[Row]
    alias: str
    are_overdue: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask tasks to stop."""

    pks: frozenset[int]


@dataclass(frozen=True, slots=True)
class Ended:
    """How runs ended, and how many seconds they took, added up."""

    rows: list[tuple[Any, ...]]  # outcomes as plain tuples, which are pickled in a third of the time
    seconds: float

    @classmethod
    def of(cls, outcomes: list[Outcome], seconds: float) -> Self:
        return cls([tuple(each) for each in outcomes], seconds)

    @property
    def outcomes(self) -> list[Outcome]:
        return [Outcome._make(row) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Returned:
    """Answer to RECALL: tasks that had not begun."""

    pks: list[int]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, see context.py."""

    pk: int
    epoch: int
    values: dict[str, Any]


Message = Given | Cancel | str
Answer = Ended | Returned | Progress
