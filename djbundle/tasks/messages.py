"""What the worker and its processes tell each other, through a pipe, pickled."""

from dataclasses import dataclass
from typing import Any

from djbundle.tasks.outcome import Outcome
from djbundle.tasks.runs import Run

RECALL = "recall"  # give back what has not begun


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask tasks to stop."""

    pks: frozenset[int]


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


Message = list[Run] | Cancel | str
Answer = list[Outcome] | Returned | Progress
