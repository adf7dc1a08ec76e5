"""``task`` of ``django.tasks`` for projects with a type checker: its types know the rules of this package.

from djbundle.tasks.typed import task

@task(max_attempts=5)
def send(order: int) -> None: ...

send.using(expires=60).enqueue(1)
"""

from collections.abc import Callable
from typing import Any, Concatenate, Literal, Unpack, overload

from djbundle.tasks import compat
from djbundle.tasks.context import TaskContext
from djbundle.tasks.task import Options, RetryingTask


@overload
def task[**P, R](function: Callable[P, R], /) -> "RetryingTask[P, R]": ...
@overload
def task[**P, R](
    *, takes_context: Literal[True], **options: Unpack[Options]
) -> "Callable[[Callable[Concatenate[TaskContext, P], R]], RetryingTask[P, R]]": ...
@overload
def task[**P, R](
    *, takes_context: Literal[False] = False, **options: Unpack[Options]
) -> "Callable[[Callable[P, R]], RetryingTask[P, R]]": ...
def task(function: Any = None, /, **options: Any) -> Any:
    """Return ``django.tasks.task(...)``."""
    return compat.task(**options) if function is None else compat.task(function)
