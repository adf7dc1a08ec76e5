"""Enqueues many calls of one task with one statement.

enqueue_many(send_invoice, [(order.pk,) for order in orders])
enqueue_many(send_invoice, ({"order_id": order.pk, "copy": True} for order in orders))
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async

from djbundle.tasks.backend import DatabaseBackend
from djbundle.tasks.compat import Task, TaskResult, is_task


class Arguments(NamedTuple):
    """The positional and named arguments of a call: ``Arguments((1, 2), {"copy": True})``."""

    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = {}


ArgumentsLike = Arguments | Sequence[Any] | Mapping[str, Any]


def enqueue_many(task: Task, calls: Iterable[ArgumentsLike]) -> list[TaskResult]:  # type: ignore[type-arg,unused-ignore]
    """Do ``task.enqueue()`` for all `calls` or for none, and return the results in their order.

    A call is a tuple or list of positional arguments, a mapping of named arguments, or Arguments with both.

    Raise TypeError if `task` is not a task or a call is none of these.
    """
    if not is_task(task):
        raise TypeError(f"enqueue_many() takes a task, that is a function with @task; not {task!r}.")
    arguments = [arguments_of(each) for each in calls]
    backend = task.get_backend()
    if isinstance(backend, DatabaseBackend):
        return backend.add_many(task, arguments)
    return [task.enqueue(*args, **kwargs) for args, kwargs in arguments]


async def aenqueue_many(task: Task, calls: Iterable[ArgumentsLike]) -> list[TaskResult]:  # type: ignore[type-arg,unused-ignore]
    """Enqueue as `enqueue_many` does, from async code."""
    return await sync_to_async(enqueue_many, thread_sensitive=True)(task, calls)


def arguments_of(call: ArgumentsLike) -> Arguments:
    """Return the arguments of a call. Raise TypeError for a bare value, as in ``enqueue_many(task, ["text"])``."""
    if isinstance(call, Arguments):
        return call
    if isinstance(call, Mapping):
        return Arguments(kwargs=call)
    if isinstance(call, (tuple, list)):
        return Arguments(call)
    raise TypeError(f"A call is a tuple, a list, a mapping or Arguments, not {call!r}.")
