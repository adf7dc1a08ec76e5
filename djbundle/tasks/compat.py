"""``django.tasks`` of Django 6, or the ``django-tasks`` package, which replaces it on Django 5.2."""

import sys
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING or django.VERSION >= (6,):
    from django.tasks import signals, task, task_backends
    from django.tasks.backends.base import BaseTaskBackend
    from django.tasks.base import Task, TaskContext, TaskError, TaskResult, TaskResultStatus
    from django.tasks.checks import check_tasks
    from django.tasks.exceptions import InvalidTask, InvalidTaskBackend, TaskResultDoesNotExist
    from django.utils.json import normalize_json
else:
    from django_tasks import signals, task, task_backends
    from django_tasks.backends.base import BaseTaskBackend
    from django_tasks.base import Task, TaskContext, TaskError, TaskResult, TaskResultStatus
    from django_tasks.checks import check_tasks
    from django_tasks.exceptions import InvalidTaskBackendError as InvalidTaskBackend
    from django_tasks.exceptions import InvalidTaskError as InvalidTask
    from django_tasks.exceptions import TaskResultDoesNotExist
    from django_tasks.utils import normalize_json

if TYPE_CHECKING:
    TypedTask = Task
else:

    class TypedTask:
        """``TypedTask[P, R]`` is Task, with types for type checkers: Django's Task takes none at run time."""

        def __class_getitem__(cls, _types):
            return Task


def is_task(value: object) -> bool:
    """Return whether it is a task: Django's, or one of the package django-tasks, which some backends use."""
    package = sys.modules.get("django_tasks.base")
    return isinstance(value, Task) or (package is not None and isinstance(value, package.Task))


__all__ = [
    "BaseTaskBackend",
    "InvalidTask",
    "InvalidTaskBackend",
    "Task",
    "TaskContext",
    "TaskError",
    "TaskResult",
    "TaskResultDoesNotExist",
    "TaskResultStatus",
    "TypedTask",
    "check_tasks",
    "is_task",
    "normalize_json",
    "signals",
    "task",
    "task_backends",
]
