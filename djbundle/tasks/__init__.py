"""Background tasks in the project's database: a backend for ``django.tasks``, and its worker.

It is a reusable app for any Django project, with or without a bundle:

    INSTALLED_APPS += ["djbundle.tasks"]
    TASKS = {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend"}}

Run tasks with ``manage.py worker``, which ``./shop serve`` starts by itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from djbundle.tasks.backend import DatabaseBackend
    from djbundle.tasks.bulk import Arguments, aenqueue_many, enqueue_many
    from djbundle.tasks.context import Cancelled, TaskContext
    from djbundle.tasks.inline import InlineBackend
    from djbundle.tasks.schedules import schedule
    from djbundle.tasks.task import RetryAfter
    from djbundle.tasks.workflow import call, chain, group

__all__ = [
    "Arguments",
    "Cancelled",
    "DatabaseBackend",
    "InlineBackend",
    "RetryAfter",
    "TaskContext",
    "aenqueue_many",
    "call",
    "chain",
    "enqueue_many",
    "group",
    "schedule",
]

PLACES = {
    "Arguments": "bulk",
    "Cancelled": "context",
    "DatabaseBackend": "backend",
    "InlineBackend": "inline",
    "RetryAfter": "task",
    "TaskContext": "context",
    "aenqueue_many": "bulk",
    "call": "workflow",
    "chain": "workflow",
    "enqueue_many": "bulk",
    "group": "workflow",
    "schedule": "schedules",
}


def __getattr__(name: str) -> Any:
    # Import late: Django imports this package before its settings and apps can be used.
    if name in PLACES:
        return getattr(import_module(f"{__name__}.{PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
