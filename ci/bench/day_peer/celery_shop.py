"""Celery under ``django.tasks``, so that both sides run the same shop: a task is sent when its transaction commits."""

from collections.abc import Mapping, Sequence
from typing import Any

from celery import Celery
from django.db import transaction
from django.utils.module_loading import import_string

from djbundle.tasks import DatabaseBackend, RetryAfter

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")


class CeleryBackend(DatabaseBackend):
    """Accepts the shop's own options for tasks, and stores no tasks in the database."""

    def add(self, task: Any, args: Sequence[Any], kwargs: dict[str, Any], **_: Any) -> Any:
        transaction.on_commit(lambda: run.delay(task.module_path, list(args), kwargs))


class Context:
    """The context of a task. Progress is discarded."""

    def progress(self, done: int, total: int = 0, note: str = "") -> None: ...


@app.task(bind=True, max_retries=10)
def run(self: Any, path: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> None:
    task = import_string(path)
    first = [Context()] if task.takes_context else []
    try:
        task.func(*first, *args, **(kwargs or {}))
    except RetryAfter as later:
        raise self.retry(countdown=later.delay) from later
    except Exception as error:
        raise self.retry(exc=error, countdown=2) from error
