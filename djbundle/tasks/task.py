"""A task with its rules: the keywords that ``@task`` and ``.using()`` take beyond Django's own."""

import datetime
import hashlib
import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import Any, Self, overload

from django.utils.module_loading import import_string

from djbundle.tasks.compat import InvalidTask, Task, TaskResult

MAX_ATTEMPTS = 1
BACKOFF = 5.0  # seconds
LONGEST_BACKOFF = 3600.0  # seconds
LONGEST = 3e9  # seconds, a hundred years: what is longer is cut, as no calendar has it
SHORTEST_SNOOZE = 0.1  # seconds, so that a task which asks again and again does not keep the worker busy
MOST = {"max_attempts": 2**31 - 1, "concurrency": 2**15 - 1}  # as their columns can keep
LONGEST_KEY = 200  # characters
JITTER = 0.1  # of the delay, so that tasks which failed together do not all come back together

Seconds = float | datetime.timedelta
Backoff = Callable[[BaseException, Any], Seconds | None]


class RetryAfter(Exception):  # noqa: N818 - no error, and named as the header of HTTP is
    """Raised by a task that cannot be done now: run it again after `delay`. No failure, so it counts as no attempt.

    ``raise RetryAfter(int(response.headers["Retry-After"]))``; raises ValueError for NaN.
    """

    def __init__(self, delay: Seconds) -> None:
        super().__init__(f"after {delay}")
        self.delay = bounded(to_seconds(delay), SHORTEST_SNOOZE)


class UnknownTask(ImportError):  # noqa: N818 - it may be known elsewhere
    """This process' code has no such task. Another version of the code may have it."""


class AlreadyThere(Exception):  # noqa: N818 - no error: it waits
    """A task that is unique must wait for the one that is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryingTask(Task):  # type: ignore[type-arg,unused-ignore]  # generic in the django-tasks package
    """Rules for the runs of a task. A run that ends with its process (``kill -9``) is no failure."""

    max_attempts: int | None = None  # runs, the first included; None: OPTIONS["MAX_ATTEMPTS"] of TASKS, or 1
    # Seconds to wait after the first failure, doubled with each further one, up to an hour; or a function of the
    # exception and the result so far that says how long, or None for no further run. None: OPTIONS["BACKOFF"], or 5.
    backoff: float | Backoff | None = None
    retry_on: tuple[type[BaseException], ...] = (Exception,)  # other exceptions fail the task at once
    discard_on: tuple[type[BaseException], ...] = ()  # these end the task as if it had returned None
    timeout: Seconds | None = None  # a run that takes longer is killed, and counts as failed
    expires: Seconds | None = None  # from when it may run; a task that has not begun by then fails
    concurrency: int | None = None  # runs at the same time, of all that have the same key, on all machines
    # What has the same key: text, or a function of the arguments. None: every call of the task.
    concurrency_key: str | Callable[..., str] | None = None
    unique: bool = False  # no second one with these arguments while one waits or runs
    unique_for: Seconds | None = None  # nor for so long after the first was enqueued

    def using(self, **changes: Any) -> Self:  # type: ignore[override,unused-ignore]
        """A copy with other defaults: Django's, and the rules. Functions and classes among these are taken from the
        definition when the task runs; what is given here for them does not reach the worker.
        """
        return replace(self, **{name: value for name, value in changes.items() if value is not None})

    def restored(self, **changes: Any) -> Self:
        """The same for a task that was enqueued: it was validated then, and the settings may have changed since."""
        task = object.__new__(type(self))
        for field in fields(self):
            object.__setattr__(task, field.name, changes.get(field.name, getattr(self, field.name)))
        return task


def with_rules(task: Any) -> RetryingTask:
    """The task itself; or one with the default rules for a task that was defined for another backend."""
    if isinstance(task, RetryingTask):
        return task
    return RetryingTask(**{field.name: getattr(task, field.name) for field in fields(task)})


def load(path: str) -> RetryingTask:
    """As the project defines it; raises UnknownTask when it does not, or when its module cannot be imported."""
    try:
        found = import_string(path)
    except Exception as error:  # whatever its module does
        raise UnknownTask(f'"{path}" cannot be imported: {error}') from error
    if not isinstance(found, Task):
        raise UnknownTask(f'"{path}" is no task.')
    return with_rules(found)


def loaded(path: str) -> RetryingTask | None:
    """The same where nothing must be imported or asked for it, so that none of the project's code is run."""
    name, _, attribute = path.rpartition(".")
    module = sys.modules.get(name)
    found = vars(module).get(attribute) if type(module) is ModuleType else None
    return found if type(found) is RetryingTask else None


def validate_rules(task: RetryingTask) -> None:
    """Raises InvalidTask with what is wrong."""
    for name, most in MOST.items():
        value = getattr(task, name)
        if value is not None and (not isinstance(value, int) or not 1 <= value <= most):
            raise InvalidTask(f"{name} must be a whole number from 1 to {most}, not {value!r}.")
    backoff = task.backoff
    if backoff is not None and not callable(backoff) and not is_number(backoff):
        raise InvalidTask(f"backoff must be a number of seconds or a function, not {backoff!r}.")
    if task.concurrency_key is not None and task.concurrency is None:
        raise InvalidTask("concurrency_key says nothing without concurrency.")
    for name in ("timeout", "expires", "unique_for"):
        value = getattr(task, name)
        if value is not None and not is_duration(value):
            raise InvalidTask(f"{name} must be a number of seconds above 0 or a timedelta, not {value!r}.")
    for name in ("retry_on", "discard_on"):
        kinds = getattr(task, name)
        if not isinstance(kinds, tuple) or not all(isinstance(each, type) for each in kinds):
            raise InvalidTask(f"{name} must be a tuple of exception classes, not {kinds!r}.")


def is_number(value: Any) -> bool:
    """Whether it is 0 or more, and no more than a row and a clock can keep."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LONGEST


def is_duration(value: Any) -> bool:
    """Whether it is seconds or a timedelta, above 0."""
    seconds = value.total_seconds() if isinstance(value, datetime.timedelta) else value
    return is_number(seconds) and seconds > 0


def max_attempts_of(task: RetryingTask, options: dict[str, Any]) -> int:
    """What the task says, or else the OPTIONS of its backend."""
    return task.max_attempts or int(options.get("MAX_ATTEMPTS", MAX_ATTEMPTS))


def backoff_of(task: RetryingTask, options: dict[str, Any]) -> float | Backoff:
    """The same."""
    backoff: float | Backoff = options.get("BACKOFF", BACKOFF) if task.backoff is None else task.backoff
    return backoff


def concurrency_key_of(task: RetryingTask, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """What this call must not run at the same time with; empty for no limit."""
    if task.concurrency is None:
        return ""
    key = task.concurrency_key
    text = str(key(*args, **kwargs) if callable(key) else key or task.module_path)
    return text if len(text) <= LONGEST_KEY else hashlib.sha256(text.encode()).hexdigest()


@overload
def to_seconds(value: Seconds) -> float: ...
@overload
def to_seconds(value: None) -> None: ...
@overload
def to_seconds(value: Seconds | None) -> float | None: ...
def to_seconds(value: Seconds | None) -> float | None:
    """None stays None."""
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return None if value is None else float(value)


def bounded(seconds: float, least: float = 0.0) -> float:
    """What a calendar can hold; raises ValueError for NaN, which says nothing."""
    if math.isnan(seconds):
        raise ValueError("A time to wait is a number of seconds, not NaN.")
    return min(max(seconds, least), LONGEST)


def delay_after(task: RetryingTask, error: BaseException, result: TaskResult) -> float | None:  # type: ignore[type-arg,unused-ignore]
    """Seconds until the next run after this failure, which is in `result` already; None for no further run."""
    failures, options = len(result.errors), task.get_backend().options
    if failures >= max_attempts_of(task, options):
        return None
    if not issubclass(type(error), task.retry_on):  # the error itself is not asked: it may exit
        return None
    backoff = backoff_of(task, options)
    if callable(backoff):
        said = backoff(error, result)
        return None if said is None else bounded(to_seconds(said))
    doubled = bounded(min(backoff * 2.0 ** min(failures - 1, 32), LONGEST_BACKOFF))
    return doubled * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - not a secret
