"""The worker fails in each turn, once it runs tasks: by a fault of its own, which no task has caused."""

from django.apps import AppConfig


class BreakingConfig(AppConfig):
    name = "tests.tasks.breaking"
    path = "/nonexistent"  # it has no files

    def ready(self) -> None:
        from djbundle.tasks.worker import database_backoff  # noqa: PLC0415 - apps are loaded later
        from djbundle.tasks.worker.process_pool import Crew  # noqa: PLC0415

        def cancel(crew: Crew, _pks: object) -> None:
            if any(child.tasks.running for child in crew.children):
                raise RuntimeError("a fault of the worker's")

        database_backoff.MOST_FAULTS = 3
        Crew.cancel = cancel  # type: ignore[method-assign,assignment]
