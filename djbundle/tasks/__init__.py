"""Background tasks in the project's database: a backend for ``django.tasks`` and its worker.

A reusable app for any Django project, with a bundle or without:

    INSTALLED_APPS += ["djbundle.tasks"]
    TASKS = {"default": {"BACKEND": "djbundle.tasks.DatabaseBackend"}}

and ``manage.py worker``, which ``./shop serve`` starts by itself.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from djbundle.tasks.backend import DatabaseBackend
    from djbundle.tasks.schedules import schedule
    from djbundle.tasks.task import RetryAfter

__all__ = ["DatabaseBackend", "RetryAfter", "schedule"]


def __getattr__(name: str) -> Any:
    # Late: Django imports this package before its settings and apps can be used.
    if name == "DatabaseBackend":
        from djbundle.tasks.backend import DatabaseBackend  # noqa: PLC0415

        return DatabaseBackend
    if name == "RetryAfter":
        from djbundle.tasks.task import RetryAfter  # noqa: PLC0415

        return RetryAfter
    if name == "schedule":
        from djbundle.tasks.schedules import schedule  # noqa: PLC0415

        return schedule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
