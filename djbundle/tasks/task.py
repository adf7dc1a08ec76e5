"""A task with its rules: the keywords that ``@task`` and ``.using()`` take in addition to Django's own."""

import datetime
import hashlib
import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack, overload

from django.utils.module_loading import import_string

from djbundle.tasks.compat import InvalidTask, Task, TaskResult, TypedTask

if TYPE_CHECKING:
    from typing_extensions import ParamSpec, TypeVar

    P = ParamSpec("P", default=...)  # the arguments of the task
    R = TypeVar("R", default=Any)  # its result
else:
    P = R = Any

MAX_ATTEMPTS = 1
BACKOFF = 5.0  # seconds
MAX_BACKOFF = 3600.0  # seconds
MAX_SECONDS = 3e9  # seconds, a hundred years; longer times are cut to this, since no date can hold them
MIN_SNOOZE = 0.1  # seconds; else a task that asks again and again would keep the worker busy
MAX_VALUES = {"max_attempts": 2**31 - 1, "concurrency": 2**15 - 1}  # what their columns can hold
MAX_KEY_LENGTH = 200  # characters
JITTER = 0.1  # share of the delay, so that tasks that failed together do not all run again together

Seconds = float | datetime.timedelta
Backoff = Callable[[BaseException, Any], Seconds | None]


class RetryAfter(Exception):  # noqa: N818 - no error, and named as the header of HTTP is
    """Raised by a task that cannot be done now: the task runs again after `delay`, and the run counts as no attempt.

    Use it as ``raise RetryAfter(int(response.headers["Retry-After"]))``. `delay` is seconds or a timedelta, at least
    0.1 seconds. NaN raises ValueError.
    """

    def __init__(self, delay: Seconds) -> None:
        super().__init__(f"after {delay}")
        self.delay = bounded(to_seconds(delay), MIN_SNOOZE)


class UnknownTask(ImportError):  # noqa: N818 - it may be known elsewhere
    """The code of this process has no such task. Another version of the code may have it."""


class AlreadyThere(Exception):  # noqa: N818 - no error: it waits
    """A unique task must wait, because a task with the same key already waits or runs."""


class Options(TypedDict, total=False):
    """The options of ``@task``: those of Django, and the rules, which `RetryingTask` explains."""

    priority: int | None
    queue_name: str | None
    backend: str | None
    max_attempts: int | None
    backoff: float | Backoff | None
    retry_on: tuple[type[BaseException], ...]
    discard_on: tuple[type[BaseException], ...]
    timeout: Seconds | None
    expires: Seconds | None
    concurrency: int | None
    concurrency_key: str | Callable[..., str] | None
    ordering_key: str | Callable[..., str] | None
    unique: bool
    unique_for: Seconds | None


class Changes(Options, total=False):
    """The options of ``.using()``."""

    run_after: datetime.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryingTask(TypedTask[P, R]):
    """The rules for the runs of a task. A run that ends because its process died (``kill -9``) is not a failure."""

    max_attempts: int | None = None  # runs, including the first; None: OPTIONS["MAX_ATTEMPTS"] of TASKS, or 1
    # Seconds to wait after the first failure, doubled with each further one, up to an hour. Or a function that takes
    # the exception and the result so far, and returns seconds or None (no further run). None: OPTIONS["BACKOFF"], or 5.
    backoff: float | Backoff | None = None
    retry_on: tuple[type[BaseException], ...] = (Exception,)  # other exceptions fail the task at once
    discard_on: tuple[type[BaseException], ...] = ()  # these end the task as if it had returned None
    timeout: Seconds | None = None  # a run that takes longer is killed, and counts as failed
    expires: Seconds | None = None  # counted from when it may run; a task that has not started by then fails
    concurrency: int | None = None  # most runs at the same time with the same key, on all machines
    # The key: text, or a function that gets the arguments and returns it. None: all calls of the task share one key.
    concurrency_key: str | Callable[..., str] | None = None
    # Tasks with the same key run one at a time, in the order in which they were enqueued. One that waits for its next
    # attempt holds up those behind it. Text, or a function that gets the arguments; an empty key asks for no order.
    ordering_key: str | Callable[..., str] | None = None
    unique: bool = False  # no second task with these arguments while one waits or runs
    unique_for: Seconds | None = None  # nor for this long after the first was enqueued

    def using(self, **changes: Unpack[Changes]) -> Self:
        """Return a copy with other defaults: those of Django, and the rules.

        Functions and classes among the rules do not reach the worker from here: when the task runs, they are taken from
        its definition.
        """
        changed_values: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
        return replace(self, **changed_values)

    def restored(self, **changes: Any) -> Self:
        """Return a copy for a task that was enqueued, without validating it.

        It was validated when it was enqueued, and the settings may have changed since.
        """
        task = object.__new__(type(self))
        for field in fields(self):
            object.__setattr__(task, field.name, changes.get(field.name, getattr(self, field.name)))
        return task


def with_rules(task: Any) -> RetryingTask:
    """Return the task itself, or a copy with the default rules if it was defined for another backend."""
    if isinstance(task, RetryingTask):
        return task
    return RetryingTask(**{field.name: getattr(task, field.name) for field in fields(task)})


def load(path: str) -> RetryingTask:
    """Return the task as the project defines it.

    Raise UnknownTask if the project does not define it, or if its module cannot be imported.
    """
    try:
        task = import_string(path)
    except Exception as error:  # its module may raise anything
        raise UnknownTask(f'"{path}" cannot be imported: {error}') from error
    if not isinstance(task, Task):
        raise UnknownTask(f'"{path}" is not a task.')
    return with_rules(task)


def loaded(path: str) -> RetryingTask | None:
    """Return the task if its module is already imported, else None. Run none of the project's code."""
    name, _, attribute = path.rpartition(".")
    module = sys.modules.get(name)
    task = vars(module).get(attribute) if type(module) is ModuleType else None
    return task if type(task) is RetryingTask else None


def validate_rules(task: RetryingTask) -> None:
    """Raise InvalidTask, with the reason, if a rule of the task is not valid."""
    for name, most in MAX_VALUES.items():
        value = getattr(task, name)
        if value is not None and (not isinstance(value, int) or not 1 <= value <= most):
            raise InvalidTask(f"{name} must be a whole number from 1 to {most}, not {value!r}.")
    backoff = task.backoff
    if backoff is not None and not callable(backoff) and not is_number(backoff):
        raise InvalidTask(f"backoff must be a number of seconds or a function, not {backoff!r}.")
    if task.concurrency_key is not None and task.concurrency is None:
        raise InvalidTask("concurrency_key says nothing without concurrency.")
    if task.ordering_key is not None and task.concurrency is not None:
        raise InvalidTask("ordering_key already means one at a time: leave concurrency out.")
    for name in ("timeout", "expires", "unique_for"):
        value = getattr(task, name)
        if value is not None and not is_duration(value):
            raise InvalidTask(f"{name} must be a number of seconds above 0 or a timedelta, not {value!r}.")
    for name in ("retry_on", "discard_on"):
        kinds = getattr(task, name)
        if not isinstance(kinds, tuple) or not all(isinstance(each, type) for each in kinds):
            raise InvalidTask(f"{name} must be a tuple of exception classes, not {kinds!r}.")


def is_number(value: Any) -> bool:
    """Return whether it is a number from 0 to the longest time that a row and a clock can hold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_SECONDS


def is_duration(value: Any) -> bool:
    """Return whether it is a number of seconds or a timedelta, above 0."""
    seconds = value.total_seconds() if isinstance(value, datetime.timedelta) else value
    return is_number(seconds) and seconds > 0


def max_attempts_of(task: RetryingTask, options: dict[str, Any]) -> int:
    """Return the attempts that the task allows, else those of its backend's OPTIONS."""
    return task.max_attempts or int(options.get("MAX_ATTEMPTS", MAX_ATTEMPTS))


def backoff_of(task: RetryingTask, options: dict[str, Any]) -> float | Backoff:
    """Return the backoff of the task, else that of its backend's OPTIONS."""
    backoff: float | Backoff = options.get("BACKOFF", BACKOFF) if task.backoff is None else task.backoff
    return backoff


def concurrency_key_of(task: RetryingTask, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """Return the key of the calls that share a limit or an order with this one; empty if there is neither."""
    if task.concurrency is None and task.ordering_key is None:
        return ""
    key, default = (task.concurrency_key, task.module_path) if task.ordering_key is None else (task.ordering_key, "")
    text = str(key(*args, **kwargs) if callable(key) else key or default)
    return text if len(text) <= MAX_KEY_LENGTH else hashlib.sha256(text.encode()).hexdigest()


@overload
def to_seconds(value: Seconds) -> float: ...
@overload
def to_seconds(value: None) -> None: ...
@overload
def to_seconds(value: Seconds | None) -> float | None: ...
def to_seconds(value: Seconds | None) -> float | None:
    """Return the seconds as a float; None stays None."""
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return None if value is None else float(value)


def bounded(seconds: float, least: float = 0.0) -> float:
    """Return the seconds, cut to the range from `least` to what a calendar can hold. Raise ValueError for NaN."""
    if math.isnan(seconds):
        raise ValueError("A time to wait is a number of seconds, not NaN.")
    return min(max(seconds, least), MAX_SECONDS)


def delay_after(task: RetryingTask, error: BaseException, result: TaskResult) -> float | None:  # type: ignore[type-arg,unused-ignore]
    """Return the seconds until the next run after this failure, or None for no further run.

    The failure is already part of `result`.
    """
    failures, options = len(result.errors), task.get_backend().options
    if failures >= max_attempts_of(task, options):
        return None
    if not issubclass(type(error), task.retry_on):  # isinstance() would ask the error, whose code may even exit
        return None
    backoff = backoff_of(task, options)
    if callable(backoff):
        delay = backoff(error, result)
        return None if delay is None else bounded(to_seconds(delay))
    doubled = bounded(min(backoff * 2.0 ** min(failures - 1, 32), MAX_BACKOFF))
    return doubled * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - not a secret
