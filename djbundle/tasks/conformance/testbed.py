"""The testbed of a promise: the backend, its workers, a journal, and the ways to wait for them."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist

from djbundle.tasks.backend import DatabaseBackend
from djbundle.tasks.compat import BaseTaskBackend
from djbundle.tasks.conformance import jobs, journal
from djbundle.tasks.conformance.promise import BROKEN, IN_PART, KEPT, REFUSED, Broken, InPart, Outcome, Promise, Refused
from djbundle.tasks.conformance.workers import Workers

PAUSE = 0.02  # seconds between two looks
QUIET = 1.0  # seconds in which something would have happened that must not
PACKAGE = __package__
MAX_REASON = 160  # characters


class Testbed:
    """All that a promise is checked with.

    `patience` is how many seconds a task may wait before it runs, `long` how many a long task takes.
    """

    def __init__(self, backend: BaseTaskBackend, workers: Workers, patience: float, long: float) -> None:
        self.backend, self.workers = backend, workers
        self.patience, self.long = patience, long
        self.folder = ""

    def check(self, promise: Promise) -> Outcome:
        """Return how the promise ends. Leave nothing behind for the next one."""
        with tempfile.TemporaryDirectory(prefix="djbundle-conformance-", ignore_cleanup_errors=True) as self.folder:
            Path(self.folder).chmod(0o777)  # workers may be another user's
            self.workers.ensure()
            verdict, reason = self._verdict(promise)
        if verdict not in (KEPT, REFUSED):  # they may still be busy
            self.workers.stop()
        delete_rows()
        return Outcome(promise.subject, promise.name, promise.sentence, verdict, _line(reason))

    def _verdict(self, promise: Promise) -> tuple[str, str]:
        try:
            promise.check(self)
        except InPart as error:
            return IN_PART, str(error)
        except (Refused, NotImplementedError) as error:
            return REFUSED, str(error)
        except Broken as error:
            exceptions = getattr(self.backend, "unkept_promises", {})
            return (REFUSED, exceptions[promise.name]) if promise.name in exceptions else (BROKEN, str(error))
        except Exception as error:
            is_refused = type(error).__name__.startswith("InvalidTask")  # Django and django-tasks have one each
            return (REFUSED, str(error)) if is_refused else (BROKEN, f"{type(error).__name__}: {error}")
        return KEPT, ""

    # --- tasks ---

    def using(self, task: Any, **options: Any) -> Any:
        """Return the task with these options. Raise Refused for an option that tasks of the backend do not have."""
        try:
            return task.using(**options)
        except TypeError as error:
            raise Refused(f"tasks have no option {' and '.join(options)}") from error

    def require_ours(self, what: str) -> None:
        """Raise Refused if the backend is not djbundle's, whose API `what` needs."""
        if not isinstance(self.backend, DatabaseBackend):
            raise Refused(f"it has no {what}")

    @property
    def has_results(self) -> bool:
        """True if results can be read later."""
        return bool(self.backend.supports_get_result)

    def ended(self, result: Any) -> Any:
        """Wait until the task has ended for good, and return its result. Raise Refused if results cannot be read."""
        if result.is_finished:
            return result
        if not self.has_results:
            raise Refused("results cannot be read: supports_get_result is False")

        def is_finished() -> bool:
            result.refresh()
            return bool(result.is_finished)

        self.wait(is_finished, "the task did not end")
        return result

    # --- the journal ---

    def lines(self) -> list[Any]:
        """Return what tasks have written to the journal so far."""
        return journal.read(self.folder)

    def wait_for_lines(self, count: int, otherwise: str = "") -> list[Any]:
        """Wait until tasks have written so many lines, and return them."""
        self.wait(
            lambda: len(self.lines()) >= count,
            lambda: otherwise or f"{len(self.lines())} of {count} runs came",
        )
        return self.lines()

    def go(self) -> None:
        """Let tasks go on that wait."""
        Path(self.folder, journal.GO).touch()

    # --- time ---

    def wait(self, condition: Callable[[], object], otherwise: str | Callable[[], str], seconds: float = 0) -> None:
        """Wait until the condition is true. Raise Broken after `seconds`, or after the testbed's patience."""
        seconds = seconds or self.patience
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                text = otherwise if isinstance(otherwise, str) else otherwise()
                raise Broken(f"{text} within {seconds:g} s")
            time.sleep(PAUSE)

    def pause(self) -> None:
        """Wait a moment in which a worker would have done what it must not do."""
        time.sleep(QUIET)

    def settle(self) -> None:
        """Wait until a task has run that is enqueued now. So all tasks before it had their turn."""
        before = len(self.lines())
        jobs.note.enqueue(self.folder, "settled")
        self.wait(lambda: "settled" in self.lines()[before:], "a later task did not run")
        self.pause()


def delete_rows() -> None:
    """Delete what promises have left in the database: rows of any model that names one of their tasks by its path."""
    if apps.is_installed("djbundle.tasks"):
        from djbundle.tasks.models import TaskGroup  # noqa: PLC0415 - needs the app

        TaskGroup.objects.filter(tasks__task_path__startswith=f"{PACKAGE}.").delete()
    for model in apps.get_models():
        try:
            model._meta.get_field("task_path")
        except FieldDoesNotExist:
            continue
        model._default_manager.filter(task_path__startswith=f"{PACKAGE}.").delete()


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_REASON else f"{line[: MAX_REASON - 1]}…"
