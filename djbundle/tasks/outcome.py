"""How runs end, as processes tell it to the worker, which writes it."""

from traceback import format_exception
from typing import Any, NamedTuple

from djbundle.tasks.compat import TaskResultStatus
from djbundle.tasks.runs import Run


class Outcome(NamedTuple):
    """How a run ended. `status` READY: it is to be run again, after `delay` seconds."""

    pk: int
    epoch: int  # of the run
    status: str
    return_value: Any = None
    error: dict[str, str] | None = None
    delay: float = 0.0
    is_followed: bool = False  # by other tasks, see workflow.py
    is_written: bool = False  # already, by the process that ran it
    is_held: bool = False  # it could not begin, see held.py


def success(run: Run, value: Any = None) -> Outcome:
    return Outcome(run.pk, run.epoch, TaskResultStatus.SUCCESSFUL, value, is_followed=run.is_followed)


def failure(pk: int, epoch: int, entry: dict[str, str]) -> Outcome:
    """For good."""
    return Outcome(pk, epoch, TaskResultStatus.FAILED, error=entry)


def error_entry(error: BaseException) -> dict[str, str]:
    return entry_of(type(error), "".join(format_exception(error)))


def entry_of(kind: type[BaseException], traceback: str) -> dict[str, str]:
    """As TaskError keeps it, without what PostgreSQL cannot: \\0 and halves of surrogate pairs."""
    traceback = traceback.encode(errors="backslashreplace").decode().replace("\0", "\\0")
    return {"exception_class_path": f"{kind.__module__}.{kind.__qualname__}", "traceback": traceback}
