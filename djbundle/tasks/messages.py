"""What the worker and its processes tell each other, through a pipe, pickled."""

from dataclasses import dataclass
from typing import Any

from djbundle.tasks.outcome import Outcome
from djbundle.tasks.runs import Row

RECALL = "recall"  # give back what has not begun


@dataclass(frozen=True, slots=True)
class Given:
    """Run these."""

    rows: list[Row]
    alias: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask tasks to stop."""

    pks: frozenset[int]


@dataclass(frozen=True, slots=True)
class Ended:
    """How runs ended, and how many seconds they took, added up."""

    outcomes: list[Outcome]
    seconds: float


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
